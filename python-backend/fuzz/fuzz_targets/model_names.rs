#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| python_backend::fuzzing::model_names(input));
