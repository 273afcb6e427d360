//! The same scenarios over DTLS, in every mode, through the joins that production pumps.

mod scenarios;

use lwm2m_testbed::{Mode, long};
use scenarios::cell;

/// Seeds per cell: the portable elliptic curve takes its time.
const fn few(long: bool) -> u64 {
    if long { 50 } else { 2 }
}

const fn many(long: bool) -> u64 {
    if long { 500 } else { 20 }
}

macro_rules! cells {
    ($($name:ident: $loss:literal $reorder:literal $duplicate:literal;)*) => {
        mod psk { $(
            #[test]
            fn $name() {
                super::cell(super::Mode::Psk, super::many(super::long()), $loss, $reorder, $duplicate);
            }
        )* }
        mod raw_public_key { $(
            #[test]
            fn $name() {
                super::cell(super::Mode::RawPublicKey, super::few(super::long()), $loss, $reorder, $duplicate);
            }
        )* }
        mod x509 { $(
            #[test]
            fn $name() {
                super::cell(super::Mode::X509, super::few(super::long()), $loss, $reorder, $duplicate);
            }
        )* }
    };
}

cells! {
    loss_00_reorder_00_duplicate_00: 0 0 0;
    loss_00_reorder_00_duplicate_10: 0 0 10;
    loss_00_reorder_10_duplicate_00: 0 10 0;
    loss_00_reorder_10_duplicate_10: 0 10 10;
    loss_10_reorder_00_duplicate_00: 10 0 0;
    loss_10_reorder_00_duplicate_10: 10 0 10;
    loss_10_reorder_10_duplicate_00: 10 10 0;
    loss_10_reorder_10_duplicate_10: 10 10 10;
    loss_30_reorder_00_duplicate_00: 30 0 0;
    loss_30_reorder_00_duplicate_10: 30 0 10;
    loss_30_reorder_10_duplicate_00: 30 10 0;
    loss_30_reorder_10_duplicate_10: 30 10 10;
}
