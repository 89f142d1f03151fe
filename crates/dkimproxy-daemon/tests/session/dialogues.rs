//! All of tests/dialogues, at full speed and octet by octet.

use crate::script::Script;
use std::{fs, path::Path};

async fn play_all(pipe: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        println!("{}", file.display());
        Script::parse(&fs::read_to_string(&file).unwrap()).play(pipe).await;
    }
}

#[tokio::test(start_paused = true)]
async fn at_full_speed() {
    play_all(1 << 16).await;
}

#[tokio::test(start_paused = true)]
async fn octet_by_octet() {
    play_all(1).await;
}

#[tokio::test(start_paused = true)]
async fn in_small_pieces() {
    play_all(7).await;
}
