//! Which call site met which fault, counted.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::kernel::fault::CallFault;
use crate::kernel::site::Site;

/// Counts by where a site's names are in memory, which is quicker than by the names; the same names at two
/// places are counted together in the end.
#[derive(Default)]
pub(super) struct Met(FxHashMap<[usize; 4], (Site, Option<CallFault>, u64)>);

impl Met {
    pub fn add(&mut self, site: Site, fault: Option<CallFault>) {
        let place = |name: &'static str| name.as_ptr() as usize;
        let key =
            [place(site.role), place(site.call), place(site.about), fault.map_or(0, |f| 1 + f as usize)];
        self.0.entry(key).or_insert((site, fault, 0)).2 += 1;
    }

    pub fn count_into(self, coverage: &mut BTreeMap<(Site, Option<CallFault>), u64>) {
        for (site, fault, n) in self.0.into_values() {
            *coverage.entry((site, fault)).or_default() += n;
        }
    }
}
