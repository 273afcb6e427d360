//! Seven scenarios in every kind of bad weather: no wrong result, nothing left behind, and as many
//! successes as theory says.

mod scenarios;

use lwm2m_testbed::{Mode, long};
use scenarios::cell;

/// Seeds per cell.
fn seeds() -> u64 {
    if long() { 1000 } else { 100 }
}

macro_rules! cells {
    ($($name:ident: $loss:literal $reorder:literal $duplicate:literal;)*) => { $(
        #[test]
        fn $name() {
            cell(Mode::NoSec, seeds(), $loss, $reorder, $duplicate);
        }
    )* };
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
