#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| nodejs_backend::fuzzing::tokens(input));
