//! Inventory: put, shown, and changed only where it is what its caller has seen.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::desk::{FLIGHT, body, desk, header};
use crate::quiet::run;

#[test]
fn inventory_is_put_and_shown() {
    run(|env| async move {
        let desk = desk(&env);
        assert_eq!(desk.get("/inventory/car/C").await.0, 404);
        let (status, stock) = desk.call("PUT", "/inventory/car/C", None, &json!({"available": 3})).await;
        assert_eq!((status, stock), (200, json!({"available": 3, "reserved": 0, "releases": "accepted"})));
        assert_eq!(desk.get("/inventory/boat/C").await.0, 400);
        assert_eq!(desk.get("/inventory/car/a%20b").await.0, 400);
        assert_eq!(desk.call("DELETE", "/inventory/car/C", None, &Value::Null).await.0, 405);
        assert_eq!(desk.get("/nothing").await.0, 404);
    });
}

#[test]
fn inventory_is_changed_only_where_it_is_what_its_caller_has_seen() {
    run(|env| async move {
        let desk = desk(&env);
        let (path, three) = ("/inventory/flight/F", json!({"available": 3}));
        let new = [("if-none-match", "*")];
        let created = desk.ask("PUT", path, &new, &three).await;
        let tag = header(&created, "etag").unwrap().to_owned();
        assert_eq!((created.status, desk.ask("PUT", path, &new, &three).await.status), (200, 412));
        let unchanged = desk.ask("GET", path, &[("if-none-match", &tag)], &Value::Null).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
        assert_eq!(header(&unchanged, "etag"), Some(&*tag));
        let seen = [("if-match", &*tag)];
        assert_eq!(desk.ask("PUT", path, &seen, &three).await.status, 200, "nothing has changed");
        // A booking takes a seat: whoever has not seen it must not put it back.
        desk.post("a", &body()).await;
        desk.perform("a", FLIGHT).await.unwrap();
        let stale = desk.ask("PUT", path, &seen, &three).await;
        assert_eq!(stale.status, 412);
        assert_eq!(desk.get(path).await.1, json!({"available": 2, "reserved": 1, "releases": "accepted"}));
        let now = desk.ask("GET", path, &seen, &Value::Null).await;
        let current = [("if-match", header(&now, "etag").unwrap())];
        assert_eq!(desk.ask("PUT", path, &current, &json!({"available": 9})).await.status, 200);
        assert_eq!(desk.get(path).await.1, json!({"available": 9, "reserved": 1, "releases": "accepted"}));
    });
}

#[test]
fn of_two_who_have_seen_the_same_and_put_the_same_one_is_refused() {
    run(|env| async move {
        let desk = desk(&env);
        let (path, ten, more) = ("/inventory/flight/F", json!({"available": 10}), json!({"available": 15}));
        let created = desk.ask("PUT", path, &[("if-none-match", "*")], &ten).await;
        let seen = [("if-match", header(&created, "etag").unwrap())];
        // Each adds five to the ten that both have seen: the second must hear that there are fifteen by now.
        let (one, other) =
            join(desk.ask("PUT", path, &seen, &more), desk.ask("PUT", path, &seen, &more)).await;
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    });
}
