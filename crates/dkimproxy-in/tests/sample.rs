//! The sample file in etc/ is what the program prints.
#![allow(clippy::unwrap_used)] // a test may fail loudly

use assert_cmd::Command;

#[test]
fn the_sample_in_etc_is_the_one_that_the_program_prints() {
    let sample = include_str!("../../../etc/dkimproxy_in.conf");
    Command::cargo_bin("dkimproxy-in").unwrap().arg("sample").assert().success().stdout(sample);
}

/// Each line that shows a default can be un-commented and changes nothing; the examples are sound, too.
#[test]
fn the_sample_un_commented_is_a_configuration() {
    let sample = include_str!("../../../etc/dkimproxy_in.conf");
    let is_option =
        |line: &str| line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic()));
    // What needs this host to have something: users, folders, sockets of others.
    let of_the_host = ["user", "group", "chroot", "pidfile", "hostname", "syslog_socket", "spool_dir", "daemonize"];
    let lines = sample.lines().filter(|line| is_option(line)).filter_map(|line| line.strip_prefix('#'));
    let own: Vec<&str> = lines.filter(|line| !of_the_host.contains(&line.split(' ').next().unwrap())).collect();
    assert!(own.iter().any(|line| line.starts_with("action ")));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.conf");
    std::fs::write(&file, own.join("\n") + "\nhostname mx.example.org\n").unwrap();
    let mut check = Command::cargo_bin("dkimproxy-in").unwrap();
    check.arg("check").arg("--conf_file").arg(&file).assert().success();
}
