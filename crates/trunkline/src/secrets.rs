//! What the data folder keeps beside the database: the master key, and this node's name.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base::MasterKey;
use ring::rand::{SecureRandom, SystemRandom};

/// Random bytes of the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness nothing here can be done safely; the system has it since boot.
    SystemRandom::new().fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// A random 64-bit seed.
pub fn seed() -> u64 {
    u64::from_le_bytes(random())
}

/// The installation's master key, made on the first start.
pub fn master_key(folder: &Path) -> io::Result<MasterKey> {
    let bytes = kept(&folder.join("master.key"), || random::<32>().to_vec())?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidData, "master.key does not hold 32 bytes")
    })?;
    Ok(MasterKey::new(bytes))
}

/// This node's lasting name.
pub fn node(folder: &Path) -> io::Result<String> {
    let bytes = kept(&folder.join("node"), || hex(&random::<8>()).into_bytes())?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a small file, or makes it: synced, readable by its owner only.
pub fn kept(path: &Path, make: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => return Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let bytes = make();
    write(path, &bytes)?;
    Ok(bytes)
}

/// Replaces a small file: a reader sees the old one or the new one, whole.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let fresh = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    fs::File::open(folder)?.sync_all()
}
