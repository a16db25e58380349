use super::*;

const TODAY: Date = jiff::civil::date(2030, 6, 15);

const GOOD: &str = r#"{"style":"orchestrated","traveller":"Ada","flight":"LH-1","hotel":"H","car":"C","from":"2030-06-15","to":"2030-06-20"}"#;

fn faults(faults: Vec<Fault>) -> Vec<String> {
    faults.into_iter().map(|fault| fault.at).collect()
}

fn trip_faults(body: &str) -> Vec<String> {
    trip(body.as_bytes(), TODAY).map(|_| ()).map_err(faults).unwrap_err()
}

#[test]
fn a_trip_is_read_whole() {
    let asked = trip(GOOD.as_bytes(), TODAY).unwrap();
    assert_eq!((asked.style, asked.trip.flight.to_string()), (Style::Orchestrated, "LH-1".to_owned()));
    assert!(asked.past.is_none(), "today is not past");
}

#[test]
fn every_fault_is_named_at_once() {
    let body = r#"{"style":"both","traveller":" ","flight":"a b","hotel":7,"from":"2030-06-01","to":"2030-05-01",
        "colour":"red","a/b":1}"#;
    assert_eq!(
        trip_faults(body),
        ["/style", "/traveller", "/flight", "/hotel", "/car", "/to", "/colour", "/a~1b", "/from"]
    );
    assert_eq!(trip_faults("{}").len(), 7);
}

#[test]
fn what_is_no_trip_is_refused() {
    let replaced = |from: &str, to: &str| trip_faults(&GOOD.replace(from, to));
    for (from, to, at) in [
        (r#""Ada""#, r#""""#, "/traveller"),
        (r#""Ada""#, "null", "/traveller"),
        (r#""Ada""#, "\"A\\u0000\"", "/traveller"),
        ("2030-06-20", "20300620", "/to"),
        ("2030-06-20", "2030-06-31", "/to"),
        ("2030-06-20", "2030-06-20T10:00:00", "/to"),
        (r#""car""#, r#""hotel":"X","car""#, "/hotel"),
    ] {
        assert_eq!(replaced(from, to), [at], "{to}");
    }
    for body in ["", "[]", "null", "{", r#"["orchestrated"]"#] {
        assert_eq!(trip_faults(body), [""], "{body}");
    }
}

#[test]
fn a_past_day_is_a_fault_of_its_own() {
    let past = trip(GOOD.replace("2030-06-15", "2030-06-14").as_bytes(), TODAY).unwrap().past;
    assert_eq!(past.unwrap().at, "/from");
}

#[test]
fn a_reason_and_a_stock_are_read() {
    assert_eq!(reason(br#"{"reason":"refunded by hand"}"#).unwrap(), "refunded by hand");
    let long = format!(r#"{{"reason":"{}"}}"#, "a".repeat(501));
    for body in [long.as_str(), r#"{"reason":""}"#, r#"{"reason":" "}"#, "{}"] {
        assert_eq!(faults(reason(body.as_bytes()).unwrap_err()), ["/reason"], "{body}");
    }
    assert_eq!(stock(br#"{"available":0}"#).unwrap(), (0, Releases::Accepted));
    assert_eq!(stock(br#"{"available":1000000,"releases":null}"#).unwrap().0, 1_000_000);
    assert_eq!(stock(br#"{"available":1,"releases":"refused"}"#).unwrap().1, Releases::Refused);
    for body in [r#"{"available":-1}"#, r#"{"available":1000001}"#, r#"{"available":1.5}"#, "{}"] {
        assert_eq!(faults(stock(body.as_bytes()).unwrap_err()), ["/available"], "{body}");
    }
    assert_eq!(faults(stock(br#"{"available":1,"releases":"never"}"#).unwrap_err()), ["/releases"]);
}
