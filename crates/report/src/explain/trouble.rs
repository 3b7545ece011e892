//! Tells whether somebody says that something does not work.

use super::tokens::Tokens;

/// Up to this many words of a text are looked at.
const SHORT: usize = 40;
/// Words of somebody who tells what does not work.
const TROUBLE: [&str; 34] = [
    "not",
    "but",
    "cannot",
    "cant",
    "doesnt",
    "wont",
    "isnt",
    "dont",
    "unable",
    "never",
    "nothing",
    "fails",
    "failed",
    "failing",
    "fail",
    "failure",
    "unsupported",
    "refused",
    "refuses",
    "broken",
    "broke",
    "stopped",
    "stops",
    "error",
    "errors",
    "problem",
    "problems",
    "trouble",
    "issue",
    "issues",
    "crashes",
    "hangs",
    "nicht",
    "impossible",
];

/// True for words that tell of trouble, and do not ask how to do something.
pub(super) fn states_trouble(question: &str) -> bool {
    let plain = |word: &str| word.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    let words = || question.split_whitespace().map(|word| plain(word).to_ascii_lowercase());
    words().any(|word| TROUBLE.contains(&word.as_str())) && !words().any(|word| word == "how")
}

/// True if everything that the text calls a failure is said not to be one: "without problems", "did not fail". Whoever
/// says that it closes "without any error" tells of trouble all the same.
pub(super) fn nothing_wrong(tokens: &Tokens) -> bool {
    const ENDS: [&str; 22] = [
        "closes",
        "closed",
        "disconnects",
        "disconnected",
        "disconnect",
        "crashes",
        "crashed",
        "hangs",
        "freezes",
        "frozen",
        "stuck",
        "black",
        "blank",
        "slow",
        "kicked",
        "kicks",
        "drops",
        "exits",
        "disappears",
        "vanishes",
        "but",
        "stops",
    ];
    const FAILURES: [&str; 16] = [
        "fail", "fails", "failed", "error", "errors", "problem", "problems", "issue", "issues", "expired", "denied",
        "refused", "lost", "blocked", "broken", "trouble",
    ];
    const NO: [&str; 10] = ["no", "not", "without", "never", "didnt", "doesnt", "isnt", "wasnt", "ohne", "kein"];
    let words: Vec<&str> = tokens.iter().take(SHORT).collect();
    let failures: Vec<usize> = (0..words.len()).filter(|&at| FAILURES.contains(&words[at])).collect();
    let negated = |at: &usize| words[at.saturating_sub(2)..*at].iter().any(|word| NO.contains(word));
    let ends = (0..words.len()).any(|at| ENDS.contains(&words[at]) && !negated(&at));
    !failures.is_empty() && tokens.len() <= SHORT && failures.iter().all(negated) && !ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_not_to_have_failed_is_no_failure() {
        let nothing = |text: &str| nothing_wrong(&Tokens::of(text));
        assert!(nothing("I can connect without problems") && nothing("the logon attempt did not fail"));
        assert!(!nothing("mstsc closes at once without any error") && nothing("it never disconnects, no error"));
        assert!(!nothing("no problems with A, and B failed") && !nothing("the logon failed") && !nothing("hello"));
    }

    #[test]
    fn trouble_is_told_by_its_words_and_not_by_a_question() {
        assert!(states_trouble("it can't connect") && states_trouble("RDP stopped working"));
        assert!(!states_trouble("how to enable it, it is not on") && !states_trouble("enable it"));
    }
}
