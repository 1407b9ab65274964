"""Which of the older encodings a little text is in: how usual its characters are in each of them.

Statistics of whole languages need a page of text. A few signs among English keys (JSON Lines) tell less to them than
their place in the encoding does: the usual characters of GB 2312, Big5 and JIS stand in rows of their own, and an
accent of Western Europe stands alone among Latin letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_MOST = 1 << 14  # bytes that are looked at
_SURE, _FEW, _SURE_OF_MANY = 0.42, 8, 0.6  # of 1; what is less usual is left to statistics
_AHEAD = 0.05  # of the next best
_HIGH = re.compile(rb"[\x80-\xff]+")
_FOREIGN = re.compile("[^\x00-\x7f]+")
# The characters that make up half of what is written, as the public frequency lists have them.
_SIMPLIFIED = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成"
    "方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此"
    "已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代"
    "内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安"
    "少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光"
    "放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运"
    "请谢吗呢吧您款单订退货快递价钱买卖客服馆图京州省县岁育技财经娱乐积极消评差票码密改"
)
_TRADITIONAL = frozenset(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成"
    "方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第公此"
    "已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果加西斯月話合回特代"
    "內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活爾更別打女變四神總何電數安"
    "少報才結反受目太量再感建務做接必場件計管期市直德資命山金指克許統區保至隊形社便空決治展馬科司五基眼書非則聽白卻界達光"
    "放強即像難且權思王象完設式色路記南品住告類求據程北邊死張該交規萬取拉格望覺術領共確傳師觀清今切院讓識候帶導爭運"
    "請謝嗎呢吧您款單訂退貨快遞價錢買賣客服館圖京州省縣歲育技財經娛樂積極消評差票碼密改臺灣"
)
_KOREAN = frozenset(
    "이다는에을의가고하지은를한도로어나사리기인자시아그있대서게정해스부일수보들만제주전라마상장오여비니구유원조공성과동경안우미"
    "세신위치국소선학년으습했않것때무러면요진계방실연각적화천생문두개금발물결반김산교남회었입중명분재체네저통데양월민내단번포"
    "당법직울종호현될할녕씨떻언환불관열감합날"
)
_KANJI = frozenset(
    "日一人年大十二本中長出三時行見月後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半"
)
# Signs that stand alone in a text of Western Europe.
_WESTERN_SIGNS = frozenset("€…‘’“”–—™ ¡£§©«®°²³´·º»¿ª½¼")
_ICELANDIC = frozenset("ýþðÝÞÐ")  # where Turkish and others have their letters


def among(lines: Sequence[bytes]) -> str | None:
    """The encoding in which lines with bytes outside ASCII read as usual text; None where that is not clear."""
    lines = _some(lines)
    scores = sorted(((_score(lines, name), name) for name in _USUAL), reverse=True)
    (best, name), (next_best, _other) = scores[:2]
    many = sum(len(stretch) for line in lines for stretch in _HIGH.findall(line)) > 2 * _FEW
    return name if best >= (_SURE_OF_MANY if many else _SURE) and best - next_best >= _AHEAD else None


def _some(lines: Sequence[bytes]) -> list[bytes]:
    """The first lines, without what lies far from their foreign signs."""
    found, size = [], 0
    for line in lines:
        first = _HIGH.search(line)
        start = max(0, first.start() - 40) if first else 0
        found.append(line[start : start + _MOST])
        size += len(found[-1])
        if size > _MOST:
            break
    return found


def _score(lines: Sequence[bytes], name: str) -> float:
    """How usual the foreign signs are on the whole, less for lines that are not in this encoding."""
    usual = _USUAL[name]
    marks: list[float] = []
    unread = 0
    for line in lines:
        try:
            text = line.decode(name)
        except UnicodeDecodeError:
            unread += 1
            continue
        for stretch in _FOREIGN.finditer(text):
            marks += usual(text, stretch.start(), stretch.end())
    if not marks:
        return 0.0
    return sum(marks) / len(marks) * (1 - unread / len(lines)) ** 2


def _place(character: str, encoding: str) -> tuple[int, int]:
    """The two bytes of a character; zeros where it has another number of them."""
    found = character.encode(encoding)
    return (found[0], found[1]) if len(found) == 2 else (0, 0)


def _chinese(text: str, start: int, end: int) -> list[float]:
    return [_of_gb(character) for character in text[start:end]]


def _of_gb(character: str) -> float:
    lead, trail = _place(character, "gb18030")
    if trail < 0xA1:
        return 0.03
    if 0xB0 <= lead <= 0xD7:
        return 1.0 if character in _SIMPLIFIED else 0.55
    if lead in (0xA1, 0xA3):
        return 0.7
    return 0.3 if 0xD8 <= lead <= 0xF7 else 0.05


def _taiwanese(text: str, start: int, end: int) -> list[float]:
    return [_of_big5(character) for character in text[start:end]]


def _of_big5(character: str) -> float:
    lead, _trail = _place(character, "big5")
    if 0xA4 <= lead <= 0xC6:
        return 1.0 if character in _TRADITIONAL else 0.5
    if 0xA1 <= lead <= 0xA3:
        return 0.7 if "\u3000" <= character <= "\u30ff" or "\uff00" <= character <= "\uffef" else 0.2
    return 0.25 if 0xC9 <= lead <= 0xF9 else 0.05


def _japanese(text: str, start: int, end: int) -> list[float]:
    return [_of_jis(character) for character in text[start:end]]


def _of_jis(character: str) -> float:
    if "\u3041" <= character <= "\u30ff":
        return 1.0
    if "\uff61" <= character <= "\uff9f":  # of half width: one byte each, of which other encodings are full
        return 0.12
    lead, _trail = _place(character, "cp932")
    if 0x88 <= lead <= 0x97:
        return 1.0 if character in _KANJI else 0.6
    return 0.7 if lead in (0x81, 0x82) else 0.15


def _unix_japanese(text: str, start: int, end: int) -> list[float]:
    return [_of_euc(character) for character in text[start:end]]


def _of_euc(character: str) -> float:
    if "\u3041" <= character <= "\u30ff":
        return 0.9
    lead, _trail = _place(character, "euc_jp")
    return (0.9 if character in _KANJI else 0.4) if 0xB0 <= lead <= 0xCF else 0.1


def _korean(text: str, start: int, end: int) -> list[float]:
    return [
        (1.0 if character in _KOREAN else 0.45) if "가" <= character <= "힣" else 0.2 for character in text[start:end]
    ]


def _western(text: str, start: int, end: int) -> list[float]:
    """Of each sign, whether it stands as in Western Europe: alone, a letter in or beside a word of Latin letters."""
    if end - start > 2:
        return [0.1] * (end - start)
    before, after = text[start - 1 : start], text[end : end + 1]
    marks = []
    for character in text[start:end]:
        if character in _WESTERN_SIGNS:
            within = before.isalpha() and after.isalpha() and character not in "’·"
            marks.append(0.1 if within else 0.6)
        elif not character.isalpha() or end - start > 1:
            marks.append((0.6 if before.isalpha() and after.isalpha() else 0.35) if character.isalpha() else 0.05)
        elif character in _ICELANDIC or (character.isupper() and before.isalpha() and before.islower()):
            marks.append(0.1)
        else:
            marks.append(0.9 if before.isalpha() or after.isalpha() else 0.5)
    return marks


_USUAL: dict[str, Callable[[str, int, int], list[float]]] = {
    "gb18030": _chinese,
    "big5": _taiwanese,
    "cp932": _japanese,
    "cp949": _korean,
    "euc_jp": _unix_japanese,
    "cp1252": _western,
}
