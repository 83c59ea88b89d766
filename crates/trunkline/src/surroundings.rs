//! `trunkline env` and `trunkline run`: what a program's environment must say so that its calls to
//! Twilio's hosts land on the running `dev`, without a change of its code.

use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::install::StartError;
use crate::{credentials, say, secrets};

/// Where a running `dev` can be reached, in its data folder.
const RUNNING: &str = "running";

/// Our certificate and the system's, for programs that trust one file alone.
const BUNDLE: &str = "bundle.pem";

/// Java's form of the same.
const JAVA_STORE: &str = "java-cacerts";

/// Java's own password of its authorities, the same everywhere.
const JAVA_PASSWORD: &str = "changeit";

/// Hosts that are called directly.
const DIRECT: &str = "localhost,127.0.0.1,::1";

/// Where systems keep the public authorities.
const SYSTEM_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Which `dev`.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// The data folder of the running `trunkline dev`.
    #[arg(long, env = "TRUNKLINE_DATA", default_value = ".trunkline")]
    pub data: PathBuf,
}

/// The folder of the development authority.
pub fn authority(data: &Path) -> PathBuf {
    data.join("authority")
}

/// Writes down where the proxy listens, and the files that programs trust.
pub fn announce(data: &Path, api: &str, proxy: SocketAddr, certificate: &Path) -> io::Result<()> {
    let ours = std::fs::read_to_string(certificate)?;
    let given = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let roots = given.into_iter().chain(SYSTEM_ROOTS.map(PathBuf::from));
    let roots = roots.filter(|file| !file.starts_with(data)).find(|file| file.exists());
    let roots = roots.map(std::fs::read_to_string).transpose()?.unwrap_or_default();
    std::fs::write(authority(data).join(BUNDLE), format!("{ours}{roots}"))?;
    secrets::write(&data.join(RUNNING), format!("{proxy}\n{api}\n").as_bytes())
}

/// The API of the `dev` that runs on a data folder.
pub fn api(data: &Path) -> Result<String, StartError> {
    let running = std::fs::read_to_string(data.join(RUNNING)).unwrap_or_default();
    let api = running.lines().nth(1).map(str::to_owned);
    api.ok_or_else(|| nobody(data))
}

fn nobody(data: &Path) -> StartError {
    let folder = data.display();
    StartError::Setting(format!("no 'trunkline dev' is running on the folder {folder}"))
}

/// Forgets where the proxy listened.
pub fn withdraw(data: &Path) {
    // A stale one is noticed by whoever reads it.
    let _ = std::fs::remove_file(data.join(RUNNING));
}

/// Prints the variables as commands of a shell.
pub fn print(place: &Place) -> Result<(), StartError> {
    for (name, value) in variables(place)? {
        say(&format!("export {name}='{}'", value.replace('\'', "'\\''")));
    }
    Ok(())
}

/// Runs a program with the variables, in the place of this one.
pub fn run(place: &Place, command: &[String]) -> Result<(), StartError> {
    let (program, arguments) = command.split_first().ok_or_else(|| {
        StartError::Setting("say what to run: trunkline run -- COMMAND".to_owned())
    })?;
    let failed = Command::new(program).args(arguments).envs(variables(place)?).exec();
    Err(StartError::Setting(format!("{program}: {failed}")))
}

fn variables(place: &Place) -> Result<Vec<(&'static str, String)>, StartError> {
    let data = std::path::absolute(&place.data)?;
    let proxy = std::fs::read_to_string(data.join(RUNNING)).ok();
    let proxy = proxy.and_then(|text| text.lines().next()?.parse::<SocketAddr>().ok());
    let up = proxy.filter(|at| std::net::TcpStream::connect(at).is_ok());
    let up = up.ok_or_else(|| nobody(&place.data))?;
    let main = credentials::main_pair(&data)?;
    let (url, folder) = (format!("http://{up}"), authority(&data));
    let bundle = folder.join(BUNDLE).display().to_string();
    let mut found = vec![
        ("TWILIO_ACCOUNT_SID", main.sid.to_string()),
        ("TWILIO_AUTH_TOKEN", main.token.expose().to_owned()),
        ("NODE_EXTRA_CA_CERTS", folder.join("ca.pem").display().to_string()),
        ("JAVA_TOOL_OPTIONS", java(&folder, up)),
    ];
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        found.push((name, url.clone()));
    }
    for name in ["NO_PROXY", "no_proxy"] {
        found.push((name, DIRECT.to_owned()));
    }
    for name in ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"] {
        found.push((name, bundle.clone()));
    }
    Ok(found)
}

/// Java reads no variables of the others' kind, and trusts a store of its own form.
fn java(folder: &Path, proxy: SocketAddr) -> String {
    let (host, port) = (proxy.ip(), proxy.port());
    let mut options = format!(
        "-Dhttp.proxyHost={host} -Dhttp.proxyPort={port} -Dhttps.proxyHost={host} \
         -Dhttps.proxyPort={port} -Dhttp.nonProxyHosts=localhost|127.*|[::1]"
    );
    match java_store(folder) {
        Ok(Some(store)) => {
            let store = store.display();
            options.push_str(&format!(
                " -Djavax.net.ssl.trustStore={store} \
                 -Djavax.net.ssl.trustStorePassword={JAVA_PASSWORD}"
            ));
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "Java programs will not trust the authority"),
    }
    options
}

/// Java's own authorities and ours, made when there is a Java.
fn java_store(folder: &Path) -> io::Result<Option<PathBuf>> {
    let store = folder.join(JAVA_STORE);
    if store.exists() {
        return Ok(Some(store));
    }
    let Some(home) = java_home() else { return Ok(None) };
    let fresh = folder.join("java-cacerts.new");
    std::fs::copy(home.join("lib/security/cacerts"), &fresh)?;
    let added = Command::new(home.join("bin/keytool"))
        .args(["-importcert", "-noprompt", "-trustcacerts", "-alias", "trunkline"])
        .args(["-storepass", JAVA_PASSWORD, "-keystore"])
        .arg(&fresh)
        .arg("-file")
        .arg(folder.join("ca.pem"))
        .output()?;
    if !added.status.success() {
        let text = String::from_utf8_lossy(&added.stdout).trim().to_owned();
        return Err(io::Error::other(format!("keytool: {text}")));
    }
    std::fs::rename(&fresh, &store)?;
    Ok(Some(store))
}

/// Where Java is: what `JAVA_HOME` says, or the folder that holds the `java` of the path.
fn java_home() -> Option<PathBuf> {
    let given = std::env::var_os("JAVA_HOME").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("java"));
    let found = found.filter_map(|java| java.canonicalize().ok()).find_map(|java| {
        let home = java.parent()?.parent()?.to_path_buf();
        Some(home)
    });
    given.into_iter().chain(found).find(|home| home.join("bin/keytool").exists())
}
