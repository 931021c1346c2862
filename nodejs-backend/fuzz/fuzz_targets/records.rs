#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nodejs_backend::fuzzing::records(input));
