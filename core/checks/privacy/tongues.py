"""Which language a text in Latin letters is in, where that is sure: by its small words, which other languages lack.

A text that is short, or that holds the small words of two languages alike, is of no language that we would name.
"""

from __future__ import annotations

import re

_READ = 300  # characters of a text
_LEAST = 3  # different small words that a language must have
_TIMES = 2.5  # as many as the next language at least
_WORDS = {
    "english": """
        the and is are was were of to in that this it for on with my your you have has had do does did not
        be been can could will would should what when where why how from by at as i'm i've don't can't it's
        an a i we they there their or if so but about please me get any which who just
    """,
    "french": """
        le la les un une des du de et est sont était dans que qui ce cette ces pour sur avec mon ma mes
        votre vos vous nous je tu il elle ils ont ai avez pas ne au aux être été peut pourquoi comment quand
        où si mais par c'est j'ai qu'il d'un d'une n'est l'on plus tout très son sa leur
    """,
    "german": """
        der die das und ist sind war waren ein eine einen einem einer des dem den zu im in mit auf für von
        nicht ich du er sie es wir ihr mein meine ihre ihnen haben habe hat kann können wird werden warum
        wie wann wo wenn oder aber auch als bei nach aus an noch nur sich mich bitte dass
    """,
    "spanish": """
        el la los las un una unos de del y es son era en que este esta estos para por con mi mis su sus tu
        yo nosotros usted ha he han no al se ser puede puedo cómo cuándo dónde qué si pero más muy lo le me
        hay está están tengo tiene cuando como
    """,
    "portuguese": """
        o a os as um uma de do da dos das e é são era em no na nos nas que este esta para por com meu minha
        seu sua você eu nós ele ela não ao se ser pode posso como quando onde mas mais muito foi tem tenho
        está estão isso há quero
    """,
    "italian": """
        il lo la i gli le un uno una di del della dei delle e è sono era in nel nella che questo questa per
        con mio mia suo sua io tu noi voi ha ho hanno non al alla si essere può posso come quando dove
        perché ma più molto ci mi da dal
    """,
    "dutch": """
        de het een en is zijn was waren van in dat die dit voor op met mijn uw je jij u ik wij zij hij niet
        te aan er heb heeft hebben kan kunnen wordt worden waarom hoe wanneer waar als of maar ook bij naar
        uit om nog geen
    """,
}
OTHER_LATIN = "other_latin"  # letters of Polish, Czech, Turkish, Vietnamese, Romanian, Hungarian, Latvian …
LANGUAGES = (*_WORDS, OTHER_LATIN)
_FOREIGN = re.compile("[ąęłńśźżćğşıđơưőűčďěňřšťůžășțāēīūģķļņ\u1ea0-\u1ef9]")
_FOREIGN_LEAST = 3  # different words with such letters: a name or two in them is no other language
_MARKS = str.maketrans(dict.fromkeys('.,;:!?()"«»“”„…', " "))
_OF: dict[str, list[str]] = {}
for _language, _listed in _WORDS.items():
    for _word in _listed.split():
        _OF.setdefault(_word, []).append(_language)
_KNOWN = frozenset(_OF)
_ENGLISH_ALONE = frozenset(word for word, known in _OF.items() if known == ["english"])
_ELIDED = tuple(letter + mark for letter in "ldjnsmt" for mark in "'’")  # l'heure, d'abord


def latin_language(text: str) -> str:
    """The language of a text, one of LANGUAGES; "" where it is not sure."""
    small = text[:_READ].lower()
    sure = _by_words(set(small.split()))  # small words seldom stand beside a mark
    if sure:
        return sure
    words = set(small.translate(_MARKS).split())
    return _by_letters(words) or _by_words(words)


def _by_letters(words: set[str]) -> str:
    """What letters say that one language alone has, or none of those that are told apart."""
    if sum(not word.isascii() and bool(_FOREIGN.search(word)) for word in words) >= _FOREIGN_LEAST:
        return OTHER_LATIN
    return "spanish" if any(word.startswith(("¿", "¡")) for word in words) else ""


def _by_words(words: set[str]) -> str:
    hits = words & _KNOWN
    plain = len(hits & _ENGLISH_ALONE)
    if plain >= _LEAST and plain >= _TIMES * (len(hits) - plain):
        return "english"  # by far the most frequent: what follows would say the same
    counts: dict[str, float] = {}
    for word in hits:
        known = _OF[word]
        share = 1 / len(known)
        for language in known:
            counts[language] = counts.get(language, 0) + share
    elided = sum(word.startswith(_ELIDED) for word in words - _KNOWN)
    if elided:
        counts["french"] = counts.get("french", 0) + elided
    if not counts:
        return ""
    *others, best = sorted(counts, key=counts.__getitem__)
    second = counts[others[-1]] if others else 0
    return best if counts[best] >= _LEAST and counts[best] >= _TIMES * second else ""
