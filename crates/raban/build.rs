//! Turns `RABAN_REAL_KAFKA=1` into `cfg(real_kafka)`, so that tests against real Kafka show as ignored without it.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(real_kafka)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RABAN_REAL_KAFKA");
    if std::env::var("RABAN_REAL_KAFKA").is_ok_and(|value| value == "1") {
        println!("cargo::rustc-cfg=real_kafka");
    }
}
