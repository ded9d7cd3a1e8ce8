#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| raban_fuzz::compress::run(data));
