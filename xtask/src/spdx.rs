//! SPDX licence expressions: `MIT OR (Apache-2.0 WITH LLVM-exception AND ISC)`, and the old form `MIT/Apache-2.0`.

use anyhow::{Result, bail};

/// True if the expression can be met with licences that `allowed` accepts. `X WITH Y` is asked as one name.
pub fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool> {
    let tokens = tokens(expression);
    let mut parser = Parser { tokens: &tokens, allowed };
    let answer = parser.any()?;
    match parser.tokens {
        [] => Ok(answer),
        [rest, ..] => bail!("licence `{expression}`: `{rest}` is out of place"),
    }
}

/// True for licences that never pass, whatever a list says.
pub fn is_copyleft(licence: &str) -> bool {
    ["GPL", "LGPL", "AGPL"].iter().any(|family| {
        licence.to_ascii_uppercase().strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

fn tokens(expression: &str) -> Vec<String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

struct Parser<'a> {
    tokens: &'a [String],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl Parser<'_> {
    /// alternatives: `all OR all …`
    fn any(&mut self) -> Result<bool> {
        let mut answer = self.all()?;
        while self.take("OR") {
            answer |= self.all()?;
        }
        Ok(answer)
    }

    /// requirements: `one AND one …`
    fn all(&mut self) -> Result<bool> {
        let mut answer = self.one()?;
        while self.take("AND") {
            answer &= self.one()?;
        }
        Ok(answer)
    }

    /// `( any )`, a licence, or a licence `WITH` an exception
    fn one(&mut self) -> Result<bool> {
        if self.take("(") {
            let answer = self.any()?;
            if !self.take(")") {
                bail!("a licence expression lacks `)`");
            }
            return Ok(answer);
        }
        let mut name = self.name()?;
        if self.take("WITH") {
            name = format!("{name} WITH {}", self.name()?);
        }
        Ok(!is_copyleft(&name) && (self.allowed)(&name))
    }

    fn name(&mut self) -> Result<String> {
        match self.tokens {
            [name, rest @ ..] if !matches!(name.as_str(), "AND" | "OR" | "WITH" | "(" | ")") => {
                self.tokens = rest;
                Ok(name.clone())
            }
            [other, ..] => bail!("a licence expression has `{other}` where a name belongs"),
            [] => bail!("a licence expression ends where a name belongs"),
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let [first, rest @ ..] = self.tokens else { return false };
        let found = first == word;
        if found {
            self.tokens = rest;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(expression: &str) -> bool {
        let list = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception", "GPL-3.0-only"];
        satisfied(expression, &|licence| list.contains(&licence)).unwrap()
    }

    #[test]
    fn operators_bind_as_spdx_says() {
        for yes in ["MIT", "MIT OR X", "X OR MIT", "MIT AND ISC", "(X OR MIT) AND ISC", "X AND X OR MIT", "MIT/X"] {
            assert!(passes(yes), "{yes}");
        }
        for no in ["X", "MIT AND X", "X AND (MIT OR ISC)", "X AND MIT OR X AND ISC", "(MIT OR ISC) AND X", "X/Y"] {
            assert!(!passes(no), "{no}");
        }
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(passes("Apache-2.0 WITH LLVM-exception"));
        assert!(!passes("MIT WITH LLVM-exception"));
        assert!(passes("Apache-2.0 WITH LLVM-exception OR X AND MIT"));
    }

    #[test]
    fn gpl_never_passes_even_if_listed() {
        assert!(!passes("GPL-3.0-only"));
        assert!(!passes("MIT AND LGPL-2.1-or-later"));
        assert!(passes("MIT OR Apache-2.0 OR LGPL-2.1-or-later"));
        assert!(is_copyleft("agpl-3.0") && is_copyleft("GPL") && !is_copyleft("GPLX"));
    }

    #[test]
    fn broken_expressions_are_errors() {
        for broken in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH", "()"] {
            assert!(satisfied(broken, &|_| true).is_err(), "{broken}");
        }
    }
}
