#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dkimproxy_core::fuzz::tag_list(octets));
