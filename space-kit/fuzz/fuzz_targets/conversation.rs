#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| space_kit::fuzzing::conversation(input));
