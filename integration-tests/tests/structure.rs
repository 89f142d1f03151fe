//! The shape of the workspace, as ARCHITECTURE.md draws it. Words in a document drift; this does not.

use integration_tests::programs;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// Who may depend on whom. Whoever adds an edge adds it here, with a reason in ARCHITECTURE.md.
const EDGES: [(&str, &[&str]); 6] = [
    ("dkimproxy-auth", &["dkimproxy-core"]),
    ("dkimproxy-core", &[]),
    ("dkimproxy-daemon", &["dkimproxy-smtp"]),
    ("dkimproxy-in", &["dkimproxy-auth", "dkimproxy-core", "dkimproxy-daemon"]),
    ("dkimproxy-out", &["dkimproxy-core", "dkimproxy-daemon"]),
    ("dkimproxy-smtp", &[]),
];

/// What makes a crate asynchronous, talk to the network or write logs.
const IMPURE: [&str; 8] =
    ["tokio", "async-std", "smol", "futures-executor", "mio", "socket2", "hickory-resolver", "tracing"];

#[test]
fn crates_depend_on_each_other_as_drawn() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    let packages = metadata["packages"].as_array().expect("packages");
    let mut found = BTreeMap::new();
    for package in packages.iter().filter(|package| ours.contains(name_of(package))) {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        let edges: BTreeSet<&str> = normal.map(name_of).filter(|name| ours.contains(name)).collect();
        found.insert(name_of(package), edges);
    }
    let drawn = EDGES.iter().map(|(name, edges)| (*name, edges.iter().copied().collect())).collect();
    assert_eq!(found, drawn);
}

#[test]
fn every_crate_of_ours_is_drawn() {
    let metadata = metadata();
    let members = metadata["workspace_members"].as_array().expect("members").len();
    assert_eq!(members, EDGES.len() + 1, "a member that is neither drawn here nor the tests");
}

#[test]
fn core_and_smtp_have_no_runtime_no_network_and_no_log() {
    let metadata = metadata();
    for start in ["dkimproxy-core", "dkimproxy-smtp"] {
        let reached = reached_from(start, &metadata);
        assert!(reached.len() > 1, "{start} reaches nothing: the graph was read wrongly");
        for impure in IMPURE {
            assert!(!reached.contains(impure), "{start} depends on {impure}");
        }
    }
}

#[test]
fn who_holds_private_keys_links_no_resolver() {
    assert!(!reached_from("dkimproxy-out", &metadata()).contains("hickory-resolver"));
}

fn metadata() -> Value {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(programs::repository());
    cargo.args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        "--filter-platform",
        "x86_64-unknown-linux-gnu",
    ]);
    serde_json::from_str(&programs::output_of(&mut cargo, b"")).expect("cargo writes JSON")
}

fn name_of(value: &Value) -> &str {
    value["name"].as_str().expect("a name")
}

/// Names of all packages that `start` needs to be built, itself included, along normal dependencies.
fn reached_from<'a>(start: &str, metadata: &'a Value) -> BTreeSet<&'a str> {
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeMap<&str, &str> = packages.iter().map(|package| (id(&package["id"]), name_of(package))).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let edges: BTreeMap<&str, Vec<&str>> = nodes.iter().map(|node| (id(&node["id"]), normal_edges(node))).collect();
    let mut reached = BTreeSet::new();
    let mut ahead: Vec<&str> = names.iter().filter(|(_, name)| **name == start).map(|(id, _)| *id).collect();
    while let Some(id) = ahead.pop() {
        if reached.insert(id) {
            ahead.extend(edges.get(id).into_iter().flatten());
        }
    }
    reached.into_iter().map(|id| names[id]).collect()
}

fn normal_edges(node: &Value) -> Vec<&str> {
    let dependencies = node["deps"].as_array().expect("dependencies");
    let normal = dependencies.iter().filter(|dependency| {
        let kinds = dependency["dep_kinds"].as_array().expect("kinds");
        kinds.iter().any(|kind| kind["kind"].is_null())
    });
    normal.map(|dependency| id(&dependency["pkg"])).collect()
}

fn id(value: &Value) -> &str {
    value.as_str().expect("an id")
}
