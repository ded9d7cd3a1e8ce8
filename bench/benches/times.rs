//! The benches by the clock, for people: no check depends on it.

use criterion::{Criterion, Throughput};
use raban_bench::{BENCHES, Meter};

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for bench in BENCHES {
        let units = (bench.run)(&mut Meter::default());
        let mut group = criterion.benchmark_group(bench.name);
        group.throughput(Throughput::Elements(units));
        group.bench_function(format!("{units} × {}", bench.unit), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut meter = Meter::default();
                (0..iterations).for_each(|_| {
                    (bench.run)(&mut meter);
                });
                meter.elapsed
            });
        });
        group.finish();
    }
    criterion.final_summary();
}
