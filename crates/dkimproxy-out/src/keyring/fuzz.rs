//! Bodies of the fuzz targets: what reads foreign text must not panic, and what it accepts must hold together.

use super::{Table, map, rule::Rule, signature};

/// Any octets as a map file: every key found is a key that a lookup finds.
pub fn sender_map(file: &[u8]) {
    let (lines, _) = map::parse(file);
    let mut table = Table::default();
    for line in &lines {
        let _ = signature::parse_items(&line.value);
        table.insert(line.key.clone(), Rule::default());
    }
    for line in &lines {
        let found = if line.key == "." { table.catch_all() } else { table.find(&line.key) };
        assert!(found.is_some() || line.key.len() > super::map_key::MAX_LEN, "{:?} is not found", line.key);
    }
}
