#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dkimproxy_auth::fuzz::dmarc_record(octets));
