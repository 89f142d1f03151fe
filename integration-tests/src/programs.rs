//! Finds programs: ours, built by cargo, and foreign ones, which may be missing.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Path of one of our programs, `dkimproxy-out` or `dkimproxy-in`.
///
/// Taken from the folder in the environment variable `DKIMPROXY_BIN_DIR`; without it, built by cargo beside the test.
pub fn ours(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| match env::var_os("DKIMPROXY_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => build(),
    });
    let program = folder.join(name);
    assert!(program.is_file(), "{} is missing: run `cargo build`", program.display());
    program
}

/// Builds both programs into the target folder and profile that this executable comes from.
fn build() -> PathBuf {
    let this = env::current_exe().expect("an executable knows its path");
    let mut profile = this.parent().expect("an executable lies in a folder");
    if profile.ends_with("deps") {
        profile = profile.parent().expect("deps lies in a folder");
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository()).args(["build", "--quiet", "--workspace", "--bins", "--target-dir"]);
    cargo.arg(profile.parent().expect("a profile lies in a target folder"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo can be started");
    assert!(status.success(), "the programs under test do not build");
    profile.to_owned()
}

/// The top folder of the project.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace")
}

/// Path of a foreign program, searched in PATH and in the folders for daemons.
pub fn foreign(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    folders.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// True if the caller shall go on without `what`: says so aloud. With `REQUIRE_ALL=1` in the environment, as in CI, a missing
/// part is a failure instead, so that nothing can be skipped unseen.
///
/// # Panics
///
/// If `what` is not `present` and `REQUIRE_ALL=1`.
pub fn skipped(what: &str, present: bool) -> bool {
    if present {
        return false;
    }
    assert!(env::var("REQUIRE_ALL").as_deref() != Ok("1"), "{what} is missing, and REQUIRE_ALL=1");
    aloud(&format!("SKIPPED: {what} is missing"));
    true
}

/// Says something that is seen even of a test that passes: what `eprintln!` prints is shown of failed tests only.
pub fn aloud(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}"); // nobody may be listening
}

/// Runs `command` with `input`, returns its standard output.
///
/// # Panics
///
/// If it cannot be started or ends with an error; the message carries what it wrote to standard error.
pub fn output_of(command: &mut Command, input: &[u8]) -> String {
    let output = run(command, input);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `command` with `input` to its end.
pub fn run(command: &mut Command, input: &[u8]) -> std::process::Output {
    use std::process::Stdio;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    std::thread::scope(|threads| {
        // A program may end without reading everything: its exit status tells, not our broken pipe.
        threads.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("a child can be waited for")
    })
}
