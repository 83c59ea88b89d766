//! Finds the static libraries of the engines. What is missing turns its engine off, with a warning,
//! so that the rest of the workspace builds anywhere.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An engine: its cfg, its package on Debian, and its libraries in the linker's order.
struct Engine {
    cfg: &'static str,
    packages: &'static str,
    libraries: &'static [&'static str],
    /// An archive and the member that is left out of it: flite's player, which would ask for the
    /// library of a sound card.
    without: Option<(&'static str, &'static str)>,
}

const ENGINES: &[Engine] = &[
    Engine {
        cfg: "flite",
        packages: "flite1-dev",
        libraries: &[
            "flite_cmu_us_slt",
            "flite_cmu_us_rms",
            "flite_usenglish",
            "flite_cmulex",
            "flite",
        ],
        without: Some(("flite", "audio.o")),
    },
    Engine {
        cfg: "pocketsphinx",
        packages: "libpocketsphinx-dev libsphinxbase-dev",
        libraries: &["pocketsphinx", "sphinxbase"],
        without: None,
    },
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TRUNKLINE_SPEECH_LIBRARIES");
    let folders = folders();
    for engine in ENGINES {
        println!("cargo::rustc-check-cfg=cfg({})", engine.cfg);
        match folders.iter().find(|folder| holds(folder, engine)) {
            Some(folder) if trimmed(folder, engine) => link(folder, engine),
            Some(_) => println!("cargo::warning=built without {}: `ar` failed", engine.cfg),
            None => miss(&folders, engine),
        }
    }
}

/// Where static libraries lie: the folder of a setting, or those of common systems.
fn folders() -> Vec<PathBuf> {
    if let Some(folder) = env::var_os("TRUNKLINE_SPEECH_LIBRARIES") {
        return vec![folder.into()];
    }
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let debian = format!("/usr/lib/{architecture}-linux-gnu");
    [debian.as_str(), "/usr/local/lib", "/usr/lib64", "/usr/lib"].map(PathBuf::from).to_vec()
}

fn archive(folder: &Path, library: &str) -> PathBuf {
    folder.join(format!("lib{library}.a"))
}

fn holds(folder: &Path, engine: &Engine) -> bool {
    engine.libraries.iter().all(|library| archive(folder, library).is_file())
}

/// Writes the archive that loses a member to the build's own folder, which is searched first.
fn trimmed(folder: &Path, engine: &Engine) -> bool {
    let Some((library, member)) = engine.without else { return true };
    let own = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let copy = archive(&own, library);
    if std::fs::copy(archive(folder, library), &copy).is_err() {
        return false;
    }
    println!("cargo::rustc-link-search=native={}", own.display());
    let done = Command::new("ar").arg("d").arg(&copy).arg(member).status();
    done.is_ok_and(|status| status.success())
}

fn link(folder: &Path, engine: &Engine) {
    println!("cargo::rustc-cfg={}", engine.cfg);
    println!("cargo::rustc-link-search=native={}", folder.display());
    for library in engine.libraries {
        println!("cargo::rerun-if-changed={}", archive(folder, library).display());
        println!("cargo::rustc-link-lib=static={library}");
    }
    println!("cargo::rustc-link-lib=m");
}

fn miss(folders: &[PathBuf], engine: &Engine) {
    let Engine { cfg, packages, .. } = engine;
    println!("cargo::warning=built without {cfg}: no static libraries of {packages}");
    // A folder's time changes when a library is installed: then this runs again.
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
}
