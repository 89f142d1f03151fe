//! From a file with all options and a map of 10,000 lines to rules and keys ready to sign: promised within 0.2 s.
#![allow(clippy::expect_used, reason = "a benchmark may fail loudly")]

use criterion::{Criterion, criterion_group, criterion_main};
use dkimproxy_core::key::SigningKey;
use dkimproxy_daemon::config::{Arguments, DaemonConfig, Problems};
use dkimproxy_out::config::{self, PROGRAM};
use std::{ffi::OsString, fs, path::Path};

const LINES: usize = 10_000;

fn write_map(folder: &Path) {
    let (_, pem) = SigningKey::generate_ed25519().expect("a new key");
    let key = folder.join("key");
    fs::write(&key, pem.as_str()).expect("a new file");
    let line = |n| format!("d{n}.example dkim(s=s{n},c=relaxed/relaxed,i=@d{n}.example,key={})\n", key.display());
    fs::write(folder.join("map"), (0..LINES).map(line).collect::<String>()).expect("a new file");
}

fn write_configuration(folder: &Path) {
    let map = folder.join("map");
    let mut text = format!("listen 127.0.0.1:10027\nrelay 127.0.0.1:10028\nsender_map {}\n", map.display());
    for option in PROGRAM.all_options().filter(|option| !option.ignored && option.name != "conf_file") {
        if let (Some(value), false) = (option.default, text.contains(&format!("\n{} ", option.name))) {
            text.push_str(&format!("{} {value}\n", option.name));
        }
    }
    fs::write(folder.join("conf"), text).expect("a new file");
}

fn start(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_map(folder.path());
    write_configuration(folder.path());
    let words: Vec<OsString> = ["dkimproxy-out".into(), "--conf_file".into(), folder.path().join("conf").into()].into();
    criterion.bench_function("start with a map of 10,000 lines", |b| {
        b.iter(|| {
            let mut problems = Problems::default();
            let arguments = Arguments::parse(&PROGRAM, words.clone()).expect("good arguments");
            let raw = arguments.read_all(&PROGRAM, &mut problems);
            let loaded = (DaemonConfig::from_raw(&raw, &mut problems), config::load(&raw, &mut problems));
            assert!(loaded.0.is_some() && loaded.1.is_some(), "{problems}");
            loaded
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = start
}
criterion_main!(benches);
