//! Readers of single values. Each says what is wrong and what would be right.

use std::{ops::RangeInclusive, path::Path, time::Duration};

/// `on`, `yes`, `true`, `1`; `off`, `no`, `false`, `0`. Case counts for nothing; an empty value means on, as a key that
/// stands alone on its line.
pub fn on_off(text: &str) -> Result<bool, String> {
    let _ = text;
    todo!()
}

/// A whole number within `range`.
pub fn number(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> {
    move |text| {
        let _ = (text, &range);
        todo!()
    }
}

/// A time: `30` (seconds), `500ms`, `30s`, `5m`, `72h`, `3d`; within `range`.
pub fn duration(range: RangeInclusive<Duration>) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let _ = (text, &range);
        todo!()
    }
}

/// A size in octets: `65536`, `64K`, `50M`, `2G` (powers of 1024); within `range`.
pub fn size(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> {
    move |text| {
        let _ = (text, &range);
        todo!()
    }
}

/// One of these words, which stand with what they mean. Case counts for nothing.
pub fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let _ = (text, words);
        todo!()
    }
}

/// What is wrong with owner and mode of a private key's file, if anything: which path, which mode, which command mends it.
/// None also if the file cannot be looked at: reading it will say why.
pub fn file_mode_problem(path: &Path) -> Option<String> {
    let _ = path;
    todo!()
}
