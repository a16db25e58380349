use super::*;
use crate::kernel::choice::Rest;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// An alarm that was given values at seconds, looked at when so many seconds have passed.
fn look(settings: AlarmSettings, values: &[(i64, f64)], after: i64) -> AlarmState {
    let mut alarm = Alarm::new("a", settings, 0);
    for (seconds, value) in values {
        alarm.record(&[], &[Metric::count("Failures", *value)], at(*seconds));
    }
    alarm.evaluate(at(after), &mut Choices::new(Vec::new(), Rest::First));
    alarm.state()
}

fn sum(threshold: f64) -> AlarmSettings {
    AlarmSettings::sum("Failures", threshold)
}

#[test]
fn an_alarm_goes_off_by_the_last_whole_period_only() {
    let values = [(0, 1.0), (59, 2.0), (60, 9.0)];
    assert_eq!(look(sum(3.0), &values, 60), AlarmState::Alarm);
    assert_eq!(look(sum(4.0), &values, 119), AlarmState::Ok, "the 9 is of the period that goes on");
    assert_eq!(look(sum(4.0), &values, 120), AlarmState::Alarm);
    assert_eq!(look(sum(3.0), &values, 180), AlarmState::Ok, "nothing happened since");
}

#[test]
fn every_period_must_breach() {
    let settings = || AlarmSettings { periods: 3, ..sum(3.0) };
    assert_eq!(look(settings(), &[(0, 3.0), (60, 3.0), (120, 3.0)], 180), AlarmState::Alarm);
    assert_eq!(look(settings(), &[(0, 3.0), (60, 2.0), (120, 3.0)], 180), AlarmState::Ok);
}

#[test]
fn each_statistic_is_held_against_the_threshold_in_its_way() {
    let values = [(0, 1.0), (1, 2.0), (2, 6.0)];
    for (statistic, value) in [
        (Statistic::Sum, 9.0),
        (Statistic::Average, 3.0),
        (Statistic::Minimum, 1.0),
        (Statistic::Maximum, 6.0),
        (Statistic::SampleCount, 3.0),
    ] {
        let breaches = |breach, threshold| {
            let settings = AlarmSettings { statistic, breach, threshold, ..sum(0.0) };
            look(settings, &values, 60) == AlarmState::Alarm
        };
        assert!(breaches(Breach::AtLeast, value) && breaches(Breach::AtMost, value));
        assert!(!breaches(Breach::Above, value) && !breaches(Breach::Below, value));
        assert!(breaches(Breach::Above, value - 0.5) && breaches(Breach::Below, value + 0.5));
    }
}

#[test]
fn a_period_without_values_counts_as_it_was_said() {
    let look = |missing| look(AlarmSettings { missing, ..sum(1.0) }, &[], 60);
    assert_eq!(look(Missing::NotBreaching), AlarmState::Ok);
    assert_eq!(look(Missing::Breaching), AlarmState::Alarm);
    assert_eq!(look(Missing::Ignore), AlarmState::InsufficientData);
}

#[test]
fn an_alarm_sees_its_own_dimensions_or_all() {
    let dimensions = vec![("target", "a".into())];
    let of = |wanted: &[Dimension]| {
        let mut alarm = Alarm::new("a", AlarmSettings { dimensions: wanted.to_vec(), ..sum(1.0) }, 0);
        alarm.record(&dimensions, &[Metric::count("Failures", 1.0), Metric::count("Other", 1.0)], at(0));
        alarm.periods.len()
    };
    assert_eq!((of(&[]), of(&dimensions)), (1, 1));
    assert_eq!((of(&[("target", "b".into())]), of(&[("tenant", "a".into())])), (0, 0));
}

#[test]
fn a_clock_that_is_ahead_takes_nothing_from_the_period_that_is_looked_at() {
    assert_eq!(look(sum(1.0), &[(0, 1.0), (120, 0.0)], 119), AlarmState::Alarm);
}

#[test]
fn an_alarm_keeps_only_the_periods_that_it_looks_at() {
    let mut alarm = Alarm::new("a", sum(1.0), 0);
    for minute in 0..100 {
        alarm.record(&[], &[Metric::count("Failures", 1.0)], at(minute * 60));
    }
    assert_eq!(alarm.periods.len(), 3);
}
