"""Raw material of invented posts: what terms of the dictionary are made of, and the sentences around them.

No sentence holds a term or a part of one, so that the mentions in a text are those that were put there.
"""

MODIFIERS = tuple(
    """
    수분 진정 보습 미백 탄력 재생 장벽 영양 각질 모공 비건 저자극 고농축 아쿠아 로즈 그린티 녹차 쌀겨 꿀광 인삼 병풀
    어성초 티트리 알로에 쑥잎 레몬 자몽 유자 복숭아 딸기 망고 바나나 코코넛 아몬드 호두 귀리 검은콩 흑미 우유
    요구르트 벌꿀 프로폴리스 시카 판테놀 세라마이드 펩타이드 나이아신 히알루론 스쿠알란 머드 숯가루 화산재 해조 미역
    진주 황금
    """.split()  # noqa: SIM905 - a list of words is read as one
)
"""What stands before a head in a product's name; none is a term by itself."""

HEADS = tuple(
    """
    크림 앰플 토너 세럼 로션 샴푸 마스크 쿠션 에센스 미스트 클렌저 파우더 틴트 립밤 비누 오일 스크럽 필링 패드 스틱
    향수 헤어팩 바디워시 트리트먼트 린스 염색약 영양제 유산균 비타민 콜라겐 홍삼 단백질 선블록 아이섀도 마스카라
    컨실러 하이라이터 블러셔 파운데이션 네일컬러 핸드워시 두피액 수면팩 입욕제
    """.split()  # noqa: SIM905
)
"""Kinds of products: terms, and the last part of the terms below them."""

SETS = ("세트", "기획전")
"""Behind a product's name they make the name of another one: the longer term is the one that is mentioned."""

SYLLABLES = (
    ("ve", "베"), ("lo", "로"), ("mi", "미"), ("ki", "키"), ("so", "소"), ("lu", "루"), ("de", "데"), ("ri", "리"),
    ("ta", "타"), ("bo", "보"), ("no", "노"), ("pe", "페"), ("ju", "주"), ("zi", "지"), ("ga", "가"), ("pu", "푸"),
    ("fe", "훼"), ("mo", "모"), ("ru", "루"), ("sha", "샤"), ("ne", "네"), ("do", "도"), ("ka", "카"), ("hu", "후"),
)  # fmt: skip
"""Of brands, in Latin letters and in Hangul."""

PARTICLES = (
    *(
        ("은", "는", "은"),
        ("이", "가", "이"),
        ("을", "를", "을"),
        ("과", "와", "과"),
        ("으로", "로", "로"),
    ),
    *(("이랑", "랑", "이랑"), ("이라고", "라고", "이라고"), ("이에요", "예요", "이에요")),
    *(
        (same, same, same)
        for same in (
            *(
                "도",
                "만",
                "의",
                "에",
                "에서는",
                "까지",
                "까지도",
                "부터",
                "처럼",
                "보다",
                "보다는",
                "마다",
                "조차",
            ),
            *("밖에", "만은", "입니다", "인데", "에는"),
        )
    ),
)
"""What may follow a term in its word: after a consonant, after a vowel, after a final ㄹ."""

OTHER_WORD_ENDS = (
    *("가게", "은행", "도매", "만화", "의사", "로봇", "과자", "에어", "도둑"),
    *(
        "통",
        "값",
        "꾼",
        "쟁이",
        "가루",
        "병",
        "광고",
        "냄새",
        "포장",
        "매장",
        "열풍",
        "공장",
        "장인",
    ),
)
"""What makes another word of a term when it follows; the first ones begin like a particle."""

OTHER_WORD_BEGINNINGS = (
    "왕",
    "헛",
    "맨",
    "풋",
    "날",
    "생",
    "초",
    "준",
    "반",
    "역",
    "양념",
    "가짜",
    "불량",
)
"""What makes another word of a term when it stands in front."""

_SLOT = "_"
_SENTENCES = """
    배송이 정말 빨라서 만족합니다
    포장도 꼼꼼하고 설명서까지 들어 있었어요
    재구매 의사 있습니다
    생각보다 양이 적어서 조금 아쉬웠어요
    가격에 비해 품질이 괜찮은 편이에요
    친구가 추천해서 샀는데 저한테는 별로였어요
    향이 너무 강해서 머리가 아팠습니다
    여름에 쓰기에는 조금 무거워요
    건조한 피부에 바르면 금방 흡수됩니다
    두 달째 매일 쓰고 있어요
    어머니께 선물로 드렸더니 좋아하시네요
    처음에는 반신반의했는데 지금은 없으면 안 돼요
    색이 사진하고 많이 달라요
    뚜껑이 깨져서 왔는데 교환해 주셨어요
    상담원이 친절하게 안내해 주셨습니다
    별 다섯 개 드립니다
    다음에도 여기서 주문할 거예요
    트러블이 올라와서 바로 멈췄습니다
    용량이 넉넉해서 오래 쓸 것 같아요
    할인할 때 쟁여 두세요
    광고만 보고 샀다가 실망했어요
    그냥 그래요
    최고예요
    돈이 아깝지 않아요
    아침저녁으로 꾸준히 바르는 중입니다
    민감한 편인데 따갑지 않았어요
    동생이 뺏어 갔어요
    유통기한이 짧으니 확인하세요
    몇 번 써 보고 후기 다시 남길게요
    솔직히 기대 이하였습니다
    글을 읽고 나서 바로 주문했어요
    매장에서 발라 보고 골랐습니다
    이벤트로 받아서 써 봤어요
    질문 있으면 댓글 남겨 주세요
    The box was dented but everything inside was fine
    would buy again, shipping took 3 days
    so-so, not for me
    """
_SLOTTED = """
    _ 덕분에 피부가 한결 좋아졌어요
    이번에 산 _ 정말 마음에 들어요
    요즘은 _ 없이 못 살아요
    겨울마다 _ 꼭 챙깁니다
    솔직히 _ 기대했는데 그저 그랬어요
    다들 _ 좋다고 해서 골랐어요
    _ 써 보신 분 계신가요?
    제 결론은 _ ...
    저는 (_) 추천합니다
    "_" 라는 말만 믿었어요
    my favourite is _ these days
    """
_TITLED = """
    _ 후기
    한 달 써 본 _
    [내돈내산] _
    _ 질문이요
    """
_PLAIN_TITLES = """
    솔직한 후기 남깁니다
    재구매했어요
    질문 있습니다
    배송 관련 문의
    추천합니다!
    실망했어요
    """


def _split(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(line.split()) for line in text.strip().splitlines())


SENTENCES = _split(_SENTENCES)
"""Sentences as words."""

SLOTTED = _split(_SLOTTED)
"""Sentences as words, one of which holds the place of a mention."""

TITLES = _split(_PLAIN_TITLES)
"""Titles as words."""

SLOTTED_TITLES = _split(_TITLED)
"""Titles with a place for a mention."""


def fill(words: tuple[str, ...], mention: str) -> list[str]:
    """The words of a sentence with the mention in its place, as one word however many it is made of."""
    return [word.replace(_SLOT, mention) if _SLOT in word else word for word in words]
