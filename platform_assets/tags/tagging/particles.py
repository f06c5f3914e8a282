"""What may follow a noun in Korean without a space and leave it the same word: particles and the copula.

The classes and their order are those of the Sejong tag set (JKS, JKG, JKO, JKB, JKV, JKQ, JX, JC; VCP with its
endings E*). The forms, and which of two a final consonant asks for, were written down from knowledge of the grammar,
not taken from a list; where in doubt, the Standard Korean Language Dictionary (stdict.korean.go.kr) decides. What is
wrong by it and typed every day (`이예요`, `이였다`, `구요`) is in the tables too. docs/tags-precision.md says how they
were checked against an analyser.

Which words are terms is none of this module's business.
"""

from enum import IntEnum
from functools import cache

FIRST_SYLLABLE, LAST_SYLLABLE = "가", "힣"
LONGEST_TAIL = 32
"""Syllables behind a noun that are looked at: no ending is as long, but text from the web may be."""

_FINALS = 28
_RIEUL = 8


class Final(IntEnum):
    """How a syllable ends: what decides between two forms of a particle."""

    VOWEL = 0
    RIEUL = 1
    CONSONANT = 2


class Allowed(IntEnum):
    """What may follow a noun in its word; each includes the ones before."""

    PARTICLES = 0
    """Only as they are written in full: `물론` is no `물` with a shortened `으로는`."""

    COPULA = 1
    SHORT_COPULA = 2
    """The copula without its stem too, which may fall after a vowel (`영화다` for `영화이다`)."""


# "a/b": a after a consonant, b after a vowel; b after ㄹ too where it begins with 로 or 론.
_PLURAL = "들"
_ADVERBIAL = """
    에 에서 에게 에게서 한테 한테서 께 께서 으로/로 으로서/로서 으로써/로써 으로부터/로부터 에서부터 에서처럼
    에서보다 에다 에다가 과/와 이랑/랑 보다 처럼 만큼 만치 같이 대로 마다 더러 보고 마냥 치고 따라 만으로
"""
_LIMITING = """
    만 까지 부터 마저 조차 밖에 뿐 만큼 이나/나 이나마/나마 이라도/라도 이든/든 이든지/든지 이든가/든가 커녕 쯤
"""
# Behind a noun itself it is the verb far more often (`추천하고`).
_BEHIND_PLURAL = "하고"
_LAST = "은/는 이/가 을/를 도 의 요 아/야 이야/야 이야말로/야말로 이여/여 이시여/시여 은커녕/는커녕 이란/란"
_SHORTENED = """
    엔 에선 에겐 한텐 께선 으론/론 으로선/로선 으로썬/로썬 보단 까진 부턴 밖엔 만으론 치곤 에든 에서든 에게든
    한테든 으로든/로든 마단 은요/는요 을요/를요 도요
"""
_QUOTING = """
    이라고/라고 이라고는/라고는 이라곤/라곤 이라고도/라고도 이라고만/라고만 이라고까지/라고까지 이라는/라는
    이라면/라면 이라니/라니 이라며/라며 이라던/라던 이라든가/라든가 이라든지/라든지 이라던가/라던가
    이라던지/라던지 이랍시고/랍시고
"""

_STEM = "이"
# The stem may fall after a vowel.
_LOOSE_ENDINGS = """
    다 고 고요 네 네요 지 지요 죠 지만 지만요 니까 니까요 냐 냐고 냐는 면 면서 라 라서 라서요 라도 라기 라기보다
    라기보다는 라기보단 라기엔 라기에는 라고나 랄까 랄까요 랍니다 라던데 라더니 라는데 라지만 라네 라네요 란다
    래요 라니까 군 군요 구나 구먼 거든 거든요 더라 더라고 더라고요 더군요 던데 던데요 던가 잖아 잖아요 길래 구요
    구만 더라구요 더라구 니깐 니깐요 라구 라구요 네여 네용 예용 져 라서용 겠지 겠지만 겠지요 겠죠 겠네 겠네요
"""
# It never falls, or what is left of the form looks like something else (연기자, 배우며).
_FIRM_ENDINGS = """
    다만 고도 고는 지는 지도 진 니 니만큼 며 면서도 면은 래 래서 래도 거나 거니와 거늘 더니 던 더라도 므로 자 길
    기 기는 긴 기도 기만 기에 기에는 기까지 기보다 기보다는 기를 건 건만 려나 로구나 시다 신 신데 신지 신가요
    시고 시네요 시며 시면 시지만 시라 시라면 셨다 셨던 십니다 세요 셔서 셔요 어서 어도 어야 어야만 야 오 옵니다
    자마자 겠다 겠고 겠구나 겠군요 겠습니다 겠어요 여서 여도 여야 구 요
"""
_WHOLE = """
    인 인데 인데요 인데도 인데다 인데다가 인지 인지는 인지도 인지라 인지를 인가 인가요 인가를 인듯 인듯해요
    인듯하다 인듯합니다 인걸 인걸요 인거 인게 인건 인건지 인척 인만큼 인양 인셈 인것 일 일까 일까요 일까봐 일지
    일지도 일지라도 일듯 일듯해요 일뿐 일뿐이다 일뿐더러 일텐데 일세 일줄 일때 일수록 일수 일것 임 임에도
    임에도불구하고 임은 임을 임에는 임엔 임에 임이 입니다 입니다만 입니까 이에요/예요 이어요/여요 이어서/여서
    이어도/여도 이어야/여야 이예요 에요 이에용 이예용 이에여/에여 이예여/예여 입니당 입니닷 임니다 임당 임다
    인데여 인뎅 인대
"""
_PAST_STEMS = "이었/였 이였"
_PAST_ENDINGS = """
    다 다고 다는 다니 다면 다며 다가 다지만 다기보다 다기보다는 단 던 던데 던지 던가 고 고요 구요 네 네요 나
    나요 냐 니 지 지요 죠 지만 지만요 는데 는데요 는데도 는지 는지도 는가 어 어요 어도 어서 습니다 습니다만
    습니까 음 음을 음에도 음이 으면 으면서 으며 으나 으니 으니까 으니까요 을 을까 을까요 을때 을텐데 을듯 을지
    을지도 거든 거든요 구나 군 군요 길 길래 기에 더라면 더라 더라고요 더라구요 더라구 더니
    잖아 잖아요 겠지 겠지만 겠네요 겠죠 겠어요
"""

_VERB_STEMS = """
    가시 가지 감기 거리 계시 고치 구리 누이 높이 다리 달래 만나 망치 먹이 모시 모이 뭉치 배우 번지 벌이 보이
    부리 비비 뿌리 새우 설치 시리 신나 이기 자라 조리 지지 차이
"""
VERB_STEMS = frozenset(_VERB_STEMS.split())
"""Nouns that are the stem of some verb too: `감기다` is `to be wound`, `감기이다` is `it is a cold`."""


def final_of(character: str) -> Final | None:
    """How a character ends; None for anything but a Hangul syllable."""
    if not FIRST_SYLLABLE <= character <= LAST_SYLLABLE:
        return None
    final = (ord(character) - ord(FIRST_SYLLABLE)) % _FINALS
    if final == 0:
        return Final.VOWEL
    return Final.RIEUL if final == _RIEUL else Final.CONSONANT


def ends_word(tail: str, final: Final | None, allowed: Allowed = Allowed.SHORT_COPULA) -> bool:
    """Whether a noun may be followed by this up to the end of its word.

    Args:
        tail: Hangul syllables, at least one.
        final: How the noun ends; None for one that ends in a letter or digit whose sound is unknown: any form goes.
        allowed: What may follow the noun.
    """
    if len(tail) > LONGEST_TAIL:
        return False
    if final is None:
        return any(ends_word(tail, each, allowed) for each in Final)
    return tail in _closing_forms(final, allowed) or _leads_on(
        tail, _leading_forms(final, _PLURAL + _ADVERBIAL), allowed
    )


def _leads_on(tail: str, heads: frozenset[str], allowed: Allowed) -> bool:
    """Whether a tail begins with a particle that others may follow, and it or such others end it."""
    cuts = (cut for cut in range(1, len(tail) + 1) if tail[:cut] in heads)
    return any(cut == len(tail) or _goes_on(tail[cut:], tail[cut - 1], allowed) for cut in cuts)


def _goes_on(tail: str, before: str, allowed: Allowed) -> bool:
    """Like `ends_word`, behind the plural or a particle that ends in `before`: `만은`, `까지였다`, `들에게서도`."""
    final = final_of(before)
    assert final is not None
    leads = _ADVERBIAL + _BEHIND_PLURAL if before == _PLURAL else ""
    return tail in _closing_forms(final, min(allowed, Allowed.COPULA)) or _leads_on(
        tail, _leading_forms(final, leads), allowed
    )


@cache
def _leading_forms(final: Final, table: str) -> frozenset[str]:
    """Particles that others may follow."""
    return frozenset([*_pick(table, final), *_pick(_LIMITING, final)])


@cache
def _closing_forms(final: Final, allowed: Allowed) -> frozenset[str]:
    """What ends a word by itself."""
    forms = _pick(_LAST, final)
    if allowed >= Allowed.COPULA:
        forms += [*_pick(_SHORTENED, final), *_pick(_QUOTING, final), *_copula(final)]
    if allowed is Allowed.SHORT_COPULA and final is Final.VOWEL:
        forms += _LOOSE_ENDINGS.split()
    return frozenset(forms)


def _copula(final: Final) -> list[str]:
    """The forms of `이다` that keep its stem."""
    pasts = [stem + form for stem in _pick(_PAST_STEMS, final) for form in _PAST_ENDINGS.split()]
    presents = [_STEM + form for form in (_LOOSE_ENDINGS + _FIRM_ENDINGS).split()]
    return [*presents, *_pick(_WHOLE, final), *pasts]


def _pick(table: str, final: Final) -> list[str]:
    """The forms of a table after such a syllable."""
    forms: list[str] = []
    for entry in table.split():
        after_consonant, _, after_vowel = entry.partition("/")
        takes_second = final is Final.VOWEL or (
            final is Final.RIEUL and after_vowel.startswith(("로", "론"))
        )
        forms.append(after_vowel if after_vowel and takes_second else after_consonant)
    return forms
