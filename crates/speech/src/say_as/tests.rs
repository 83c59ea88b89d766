//! What is said for each kind of text.

use super::*;

fn said(interpret_as: &str, format: &str, text: &str) -> String {
    match say_as(interpret_as, format, text, true) {
        Said::Words(words) => words,
        Said::Beep(ms) => format!("beep {ms}"),
    }
}

#[test]
fn kinds_are_written_out_in_english() {
    let table = [
        ("cardinal", "", "1205", "one thousand two hundred five"),
        ("number", "", "-3.14", "minus three point one four"),
        ("cardinal", "", "1,000,000", "one million"),
        ("cardinal", "", "0", "zero"),
        (
            "cardinal",
            "",
            "12345678901234567890",
            &["one two three four five six seven eight nine zero"; 2].join(" "),
        ),
        ("cardinal", "", "many", "many"),
        ("ordinal", "", "1", "first"),
        ("ordinal", "", "22nd", "twenty second"),
        ("ordinal", "", "40", "fortieth"),
        ("ordinal", "", "112", "one hundred twelfth"),
        ("digits", "", "407", "four zero seven"),
        ("characters", "", "Ab-3", "ay, bee, dash, three"),
        ("spell-out", "", "w.", "double you, dot"),
        ("fraction", "", "3/20", "three twentieths"),
        ("fraction", "", "1/2", "one half"),
        ("fraction", "", "2+3/4", "two and three quarters"),
        ("fraction", "", "1/0", "1/0"),
        ("unit", "", "10kg", "ten kilograms"),
        ("unit", "", "1 mph", "one mile per hour"),
        ("unit", "", "5-foot", "five feet"),
        ("unit", "", "7parsec", "seven parsec"),
        ("date", "mdy", "9/21/2024", "September twenty first, twenty twenty four"),
        ("date", "dmy", "21.9.1905", "September twenty first, nineteen oh five"),
        ("date", "", "2005-01-02", "January second, two thousand five"),
        ("date", "", "20240921", "September twenty first, twenty twenty four"),
        ("date", "yyyymmdd", "????0921", "September twenty first"),
        ("date", "ym", "1900/7", "July nineteen hundred"),
        ("date", "md", "Dec 24", "December twenty fourth"),
        ("date", "d", "3", "third"),
        ("date", "mdy", "13/21/2024", "13/21/2024"),
        ("date", "mdy", "tomorrow", "tomorrow"),
        ("time", "hms12", "2:30pm", "two thirty pee em"),
        ("time", "", "14:05", "fourteen oh five"),
        ("time", "", "10:00", "ten o'clock"),
        ("time", "", "1'21\"", "one minute twenty one seconds"),
        ("time", "", "25:00", "25:00"),
        (
            "telephone",
            "",
            "+1 (555) 123-4567",
            "plus one, five five five, one two three, four five six seven",
        ),
        (
            "telephone",
            "",
            "5551234 ext. 12",
            "five five five one two three four, extension one two",
        ),
        ("address", "", "1 Main St.", "1 Main St."),
        ("expletive", "", "darn", "beep 280"),
        ("unheard-of", "", " x ", "x"),
    ];
    for (kind, format, text, wanted) in table {
        assert_eq!(said(kind, format, text), wanted, "{kind} {format} {text}");
    }
}

#[test]
fn other_languages_get_only_what_is_the_same_everywhere() {
    let said = |kind, text| say_as(kind, "", text, false);
    assert_eq!(said("digits", "407"), Said::Words("4 0 7".to_owned()));
    assert_eq!(said("characters", "Öl"), Said::Words("Ö, l".to_owned()));
    assert_eq!(said("telephone", "+49 30-12"), Said::Words("+ 4 9, 3 0, 1 2".to_owned()));
    assert_eq!(said("date", "21.9.2024"), Said::Words("21.9.2024".to_owned()));
    assert_eq!(said("expletive", &"x".repeat(99)), Said::Beep(1_000));
}
