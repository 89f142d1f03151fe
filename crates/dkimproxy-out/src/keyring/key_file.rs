//! Private key files: each read once, checked for kind, size and who may read it.

use crate::report::{Place, Report};
use dkimproxy_core::{
    domainkeys::{DomainKeysKey, DomainKeysKeyError},
    key::{SigningAlgorithm, SigningKey, SigningKeyError},
};
use dkimproxy_daemon::config::{file_mode_problem, value};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};
use thiserror::Error;

/// An RSA key of 4096 bits has about 3,300 octets; what is longer than this is something else.
const MAX_FILE_LEN: u64 = 65_536;

/// Below this RSA keys work but are weak (RFC 8301 section 3.2: "Signers SHOULD use RSA keys of at least 2048 bits").
const RECOMMENDED_RSA_BITS: usize = 2048;

/// Why a key file gives no key.
#[derive(Debug, Error)]
pub(super) enum KeyFileError {
    /// It cannot be opened or read: which path, who tried, and what mends it.
    #[error("{0}")]
    Read(String),
    /// A directory, a device, or far too long.
    #[error("{path} is no key file ({found}); a private key in PEM form is expected")]
    NotAKeyFile {
        /// Path as given.
        path: String,
        /// What it is instead.
        found: &'static str,
    },
    /// The content is no usable key.
    #[error("{path}: {source}")]
    Key {
        /// Path as given.
        path: String,
        /// Why.
        source: SigningKeyError,
    },
    /// The key is no use for DomainKeys.
    #[error("{path}: {source}")]
    DomainKeys {
        /// Path as given.
        path: String,
        /// Why.
        source: DomainKeysKeyError,
    },
}

/// The keys read so far, by the paths they were asked for.
#[derive(Debug, Default)]
pub(super) struct KeyFiles {
    /// None: could not be used, and that was reported.
    keys: BTreeMap<PathBuf, Option<Arc<SigningKey>>>,
    /// The same files once more, for DomainKeys signatures.
    domain_keys: BTreeMap<PathBuf, Option<Arc<DomainKeysKey>>>,
}

impl KeyFiles {
    /// The key in that file. What is wrong with it is reported at the first place that asks.
    pub(super) fn load(&mut self, path: &Path, place: &Place, report: &mut Report) -> Option<Arc<SigningKey>> {
        if let Some(known) = self.keys.get(path) {
            return known.clone();
        }
        let key = match read(path) {
            Ok(key) => {
                check(path, &key, place, report);
                Some(Arc::new(key))
            }
            Err(error) => {
                report.problem(place, "key file", error);
                None
            }
        };
        self.keys.insert(path.to_owned(), key.clone());
        key
    }

    /// The key in that file, for DomainKeys signatures. It is known to [`Self::loaded`], too.
    pub(super) fn load_domain_keys(
        &mut self,
        path: &Path,
        place: &Place,
        report: &mut Report,
    ) -> Option<Arc<DomainKeysKey>> {
        if let Some(known) = self.domain_keys.get(path) {
            return known.clone();
        }
        self.load(path, place, report)?;
        let key = read_domain_keys(path).map(Arc::new).map_err(|error| report.problem(place, "key file", error)).ok();
        self.domain_keys.insert(path.to_owned(), key.clone());
        key
    }

    /// The files that gave a key, by path.
    pub(super) fn loaded(&self) -> impl Iterator<Item = (&Path, &Arc<SigningKey>)> {
        self.keys.iter().filter_map(|(path, key)| Some((path.as_path(), key.as_ref()?)))
    }
}

fn check(path: &Path, key: &SigningKey, place: &Place, report: &mut Report) {
    if let Some(warning) = file_mode_problem(path) {
        report.warn(place, "key file mode", warning);
    }
    if key.algorithm() == SigningAlgorithm::RsaSha256 && key.bits() < RECOMMENDED_RSA_BITS {
        let weak = format_args!(
            "{} holds an RSA key of {} bits, which works but is weak (RFC 8301 asks for 2048); make a new one with \
             dkimproxy-out genkey",
            path.display(),
            key.bits()
        );
        report.warn(place, "key size", weak);
    }
}

fn read(path: &Path) -> Result<SigningKey, KeyFileError> {
    SigningKey::from_pem(&pem(path)?).map_err(|source| KeyFileError::Key { path: path.display().to_string(), source })
}

fn read_domain_keys(path: &Path) -> Result<DomainKeysKey, KeyFileError> {
    let named = |source| KeyFileError::DomainKeys { path: path.display().to_string(), source };
    DomainKeysKey::from_pem(&pem(path)?).map_err(named)
}

fn pem(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyFileError> {
    let failed = |error: io::Error| read_error(path, &error);
    let file = File::open(path).map_err(failed)?;
    let not_a_key_file = |found| Err(KeyFileError::NotAKeyFile { path: path.display().to_string(), found });
    if file.metadata().map_err(failed)?.is_dir() {
        return not_a_key_file("it is a directory");
    }
    let mut pem = zeroize::Zeroizing::new(Vec::new());
    file.take(MAX_FILE_LEN + 1).read_to_end(&mut pem).map_err(failed)?;
    if pem.len() as u64 > MAX_FILE_LEN {
        return not_a_key_file("it is longer than 64 KiB");
    }
    Ok(pem)
}

fn read_error(path: &Path, error: &io::Error) -> KeyFileError {
    let problem = value::read_problem(path, error);
    KeyFileError::Read(match error.kind() {
        io::ErrorKind::NotFound => format!("{problem}; make a key with dkimproxy-out genkey"),
        _ => problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_keys;
    use dkimproxy_daemon::config::Origin;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn place() -> Place {
        Place { key: "keyfile", origin: Origin::Flag }
    }

    fn write(folder: &Path, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_file_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "key.pem", test_keys::RSA_2048, 0o600);
        let (mut files, mut report) = (KeyFiles::default(), Report::default());
        let first = files.load(&path, &place(), &mut report).unwrap();
        fs::remove_file(&path).unwrap();
        let second = files.load(&path, &place(), &mut report).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(files.loaded().count(), 1);
        assert_eq!(report.finish().warnings.len(), 0);
    }

    #[test]
    fn what_is_wrong_is_said_once_and_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let garbage = write(folder.path(), "garbage", "no key", 0o600);
        let long = write(folder.path(), "long", &"x".repeat(70_000), 0o600);
        let (mut files, mut report) = (KeyFiles::default(), Report::default());
        for path in [&garbage, &garbage, &long, &folder.path().to_owned(), &folder.path().join("absent")] {
            assert!(files.load(path, &place(), &mut report).is_none());
        }
        let messages: Vec<String> = report.finish().problems.into_iter().map(|p| p.message).collect();
        let [no_pem, too_long, directory, absent] = messages.as_slice() else { panic!("{messages:?}") };
        assert!(no_pem.contains("garbage") && no_pem.contains("BEGIN PRIVATE KEY"), "{no_pem}");
        assert!(too_long.contains("64 KiB"), "{too_long}");
        assert!(directory.contains("directory"), "{directory}");
        assert!(absent.contains("absent") && absent.contains("genkey"), "{absent}");
    }

    #[test]
    fn open_modes_are_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, warned) in [(0o600, false), (0o400, false), (0o604, true), (0o644, true)] {
            let path = write(folder.path(), &format!("{mode:o}"), test_keys::RSA_2048, mode);
            let (mut files, mut report) = (KeyFiles::default(), Report::default());
            assert!(files.load(&path, &place(), &mut report).is_some());
            let warnings = report.finish().warnings;
            assert_eq!(warnings.len(), usize::from(warned), "{mode:o}: {warnings:?}");
            assert!(warnings.iter().all(|w| w.message.contains("chmod")), "{warnings:?}");
        }
    }

    #[test]
    fn short_rsa_keys_work_and_are_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "key", test_keys::RSA_1024, 0o600);
        let mut report = Report::default();
        assert!(KeyFiles::default().load(&path, &place(), &mut report).is_some());
        let warnings = report.finish().warnings;
        assert!(warnings.iter().any(|w| w.message.contains("1024 bits")), "{warnings:?}");
    }
}
