#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dkimproxy_out::keyring::fuzz::sender_map(octets));
