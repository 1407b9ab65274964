"""What can be wrong with a set of examples."""

from core.checks.rule import Rule, error, warning
from core.words import T

SETS: dict[str, Rule] = {
    "no_examples": error(
        T("The file holds no example."),
        T("Add at least 10 examples, one on each line."),
    ),
    "too_few_examples": error(
        T("There {number:is|are} {number} {number:example|examples}; training needs at least {least}."),
        T("Add more examples: 50 to 100 good ones are a fair beginning."),
    ),
    "few_examples": warning(
        T("There are only {number} examples."),
        T("It will run, but a clear gain usually begins at 50 to 100."),
    ),
    "too_many_examples": warning(
        T("There are {number} examples; some providers take at most {limit}."),
        T("Check your provider's limit or train on a sample."),
    ),
    "file_too_large": error(
        T("The file has {size} MB; at most {limit} MB are taken."),
        T("Split it or train on a sample."),
    ),
    "mixed_kinds": error(
        T("This example has the format “{seen}”, most others have “{kind}”."),
        T("Train one format at a time: move it to a file of its own or rewrite it."),
    ),
    "duplicate": warning(
        T("The same example stands on line {first}."),
        T("Delete one of them: what is seen twice weighs double."),
    ),
    "over_limit": warning(
        T("The example has {tokens} tokens, more than the {limit} that are read."),
        T("Its end, the answer, is cut off first: shorten it or split it."),
    ),
}
