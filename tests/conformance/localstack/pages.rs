//! Queries of the table and of its index, page by page, while items go away between the pages.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::Table;
use tenfold_ports::table::{Condition, Cursor, Item, Key, Page, Query, Range, Write};

use crate::both::{Both, INDEX, SORT, ask, in_quiet_world};
use crate::suite::Compared;
use crate::tables::{compare, failed, item};

/// Items, and walks over them.
#[derive(Debug, Clone)]
pub struct Queries {
    items: Vec<Item>,
    walks: Vec<Walk>,
    /// Whether several items have the same place in the index. DynamoDB leaves open which comes first, so then
    /// a walk over the index is compared as a whole, and leaves all items where they are.
    ties: bool,
}

/// A query from its first page to its last.
#[derive(Debug, Clone)]
struct Walk {
    query: Query,
    /// Whether the last item of each page is deleted before the next is asked for.
    deletes: bool,
    counts: bool,
}

/// More pages than any walk has.
const ENDLESS: usize = 60;

pub fn queries() -> impl Strategy<Value = Queries> {
    let sort = "[ab]{1,2}[0-9]?";
    let index = option::of((select(vec!["q", "r"]), 0..5_i64));
    let item = (select(vec!["p", "s"]), sort, index);
    (vec(item, 0..25), vec(walk(), 2..6), any::<bool>()).prop_map(|(items, mut walks, ties)| {
        let mut next = 0;
        let mut place = |(pk, sk, index): (&str, String, Option<(&str, i64)>)| {
            next += 1;
            let item = Item::new(Key::new(pk, sk)).with("n", 1);
            match index {
                Some((queue, wake)) if ties => item.with(INDEX, queue).with(SORT, 10 * wake),
                // In no order, and none twice.
                Some((queue, _)) => item.with(INDEX, queue).with(SORT, 10 * (next * 7 % 25)),
                None => item,
            }
        };
        let items = items.into_iter().map(&mut place).collect();
        for walk in walks.iter_mut().filter(|walk| ties && walk.query.index.is_some()) {
            walk.deletes = false;
            walk.query.after = None;
        }
        Queries { items, walks, ties }
    })
}

fn walk() -> impl Strategy<Value = Walk> {
    let range = prop_oneof![
        3 => Just(Range::All),
        2 => "[ab]{0,2}".prop_map(|prefix| Range::Prefix(prefix.into())),
        2 => (-10..250_i64).prop_map(Range::AtMost),
    ];
    let cursor = prop_oneof![9 => Just(None), 1 => cursor().prop_map(Some)];
    let partition = prop_oneof![20 => select(vec!["p", "s", "q", "r"]), 1 => Just("")];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (range, cursor, partition, 1..8_u32, flags).prop_map(|(range, after, partition, limit, flags)| {
        let (table, backward, deletes, counts) = flags;
        let index = if table { None } else { Some(INDEX) };
        let query = Query { index, partition: partition.into(), range, limit, backward, after };
        Walk { query, deletes, counts: counts && limit == 1 }
    })
}

/// A place where no page ended.
fn cursor() -> impl Strategy<Value = Cursor> {
    // Between the places of the items: at the same one, which comes first is open.
    let place = (0..25_i64).prop_map(|n| 10 * n + 5);
    let index = option::of((select(vec!["q", "r"]).prop_map(SmolStr::from), place));
    let key = (select(vec!["p", "s"]), "[ab]{1,2}");
    (key, index).prop_map(|((pk, sk), index)| Cursor { key: Key::new(pk, sk), index })
}

impl Queries {
    /// The same in partitions of the sequence's own.
    fn within(mut self, prefix: &str) -> Self {
        let place = |name: &mut SmolStr| {
            if !name.is_empty() {
                *name = format_smolstr!("{prefix}{name}");
            }
        };
        for item in &mut self.items {
            place(&mut item.key.pk);
            if let Ok(queue) = item.text(INDEX) {
                let queue = format_smolstr!("{prefix}{queue}");
                item.set(INDEX.into(), queue.into());
            }
        }
        for Walk { query, .. } in &mut self.walks {
            place(&mut query.partition);
            if let Some(after) = &mut query.after {
                place(&mut after.key.pk);
                if let Some((partition, _)) = &mut after.index {
                    place(partition);
                }
            }
        }
        self
    }
}

pub fn run(both: &Both, queries: &Queries) -> Compared {
    let queries = queries.clone().within(&Both::name());
    let local = both.table();
    in_quiet_world(|world| {
        let mut operations = 0;
        let puts =
            queries.items.iter().map(|item| Write::Put { item: item.clone(), condition: Condition::Always });
        for put in puts {
            let [here, there] = [put.clone(), put];
            let there = both.local(local.write(there)).map_err(|e| format!("{e} (no answer)"));
            compare(
                operations,
                &format!("{there:?}"),
                &format!(
                    "{:?}",
                    ask(world, |env| async move { env.write(here).await.map_err(|e| e.to_string()) })
                ),
            )?;
            operations += 1;
        }
        for walk in &queries.walks {
            let loose = queries.ties && walk.query.index.is_some();
            let there = both.local(walk.clone().go(&local, loose));
            let walk = walk.clone();
            let here = ask(world, move |env| walk.go_owned(env, loose));
            // Page by page, so that the first that differs is named.
            for i in 0..there.len().max(here.len()) {
                let page = |pages: &[String]| pages.get(i).cloned().unwrap_or("no page".to_owned());
                compare(operations, &page(&there), &page(&here))?;
                operations += 1;
            }
        }
        Ok(operations)
    })
}

impl Walk {
    async fn go_owned(self, table: impl Table, loose: bool) -> Vec<String> {
        self.go(&table, loose).await
    }

    /// What each page says; where the order is loose, how long each was and what all had together.
    async fn go(mut self, table: &impl Table, loose: bool) -> Vec<String> {
        let mut pages = Vec::new();
        let mut all = Vec::new();
        if self.counts {
            let counted = table.count(self.query.clone()).await;
            pages.push(counted.map_or_else(|e| failed(&e), |counted| format!("{counted:?}")));
        }
        loop {
            let Page { items, next } = match table.query(self.query.clone()).await {
                Ok(page) => page,
                Err(error) => {
                    pages.push(failed(&error));
                    break;
                }
            };
            let shown: Vec<String> = items.iter().map(item).collect();
            if loose {
                let places: Vec<_> = items.iter().map(|item| item.number(SORT)).collect();
                pages.push(format!("{places:?}, then {:?}", next.as_ref().map(|next| &next.index)));
                all.extend(shown);
            } else {
                pages.push(format!("{}, then {next:?}", shown.join("; ")));
            }
            let Some(next) = next.filter(|_| pages.len() < ENDLESS) else { break };
            if self.deletes {
                let delete = Write::Delete { key: next.key.clone(), condition: Condition::Always };
                if let Err(error) = table.write(delete).await {
                    pages.push(format!("{error:?} (no answer)"));
                }
            }
            self.query.after = Some(next);
        }
        all.sort();
        pages.extend(all);
        pages
    }
}
