#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dkimproxy_core::fuzz::canonicalize_body(octets));
