//! Which fault met which call site.

use std::collections::BTreeMap;

use crate::explore::SearchReport;
use crate::kernel::fault::CallFault;
use crate::kernel::site::Site;

/// Prints which fault met which call site, how often. Gives how many pairs were met, of how many.
pub(super) fn coverage(report: &SearchReport) -> (usize, usize) {
    let mut sites: BTreeMap<Site, Vec<u64>> = BTreeMap::new();
    for ((site, fault), n) in &report.coverage {
        let row = sites.entry(*site).or_insert_with(|| vec![0; 1 + CallFault::ALL.len()]);
        let column = fault.map_or(0, |f| 1 + f as usize);
        row[column] += n;
    }
    println!();
    print!("  {:<78} {:>10}", "call site", "well");
    for fault in CallFault::ALL {
        print!(" {:>12}", fault.name());
    }
    println!();
    let (mut covered, mut total) = (0, 0);
    for (site, row) in &sites {
        print!("  {:<78} {:>10}", site.to_string(), row[0]);
        for fault in CallFault::ALL {
            let n = row[1 + fault as usize];
            if CallFault::of(*site).contains(&fault) {
                total += 1;
                covered += usize::from(n > 0);
                let text = if n == 0 { "NEVER".to_owned() } else { n.to_string() };
                print!(" {text:>12}");
            } else {
                print!(" {:>12}", "-");
            }
        }
        println!();
    }
    println!();
    (covered, total)
}
