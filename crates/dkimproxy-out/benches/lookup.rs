//! A lookup costs the same among 10 rules and among 100,000.

use criterion::{Criterion, criterion_group, criterion_main};
use dkimproxy_out::keyring::{Rule, Table};
use std::hint::black_box;

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    for rules in [10, 100_000] {
        let mut table = Table::default();
        for n in 0..rules {
            table.insert(format!("d{n}.example"), Rule::default());
        }
        let last = format!("user+ext@a.b.d{}.example", rules - 1);
        group.bench_function(format!("hit among {rules}"), |b| b.iter(|| table.find(black_box(&last)).is_some()));
        group.bench_function(format!("miss among {rules}"), |b| {
            b.iter(|| table.find(black_box("user+ext@a.b.elsewhere.example")).is_none());
        });
    }
    group.finish();
}

criterion_group!(benches, lookup);
criterion_main!(benches);
