#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| python_backend::fuzzing::relay(&python_backend::SERVICE, input));
