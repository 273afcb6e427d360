//! Times every case, ours beside those of the peers: `cargo bench --bench codecs`.

use benches::cases;
use criterion::{Criterion, criterion_group, criterion_main};

fn codecs(criterion: &mut Criterion) {
    for case in cases() {
        criterion
            .benchmark_group(case.what)
            .bench_function(case.who, |bencher| {
                bencher.iter_custom(|times| {
                    let start = std::time::Instant::now();
                    (case.run)(u32::try_from(times).unwrap());
                    start.elapsed()
                });
            });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800))
        .sample_size(30);
    targets = codecs
}
criterion_main!(benches);
