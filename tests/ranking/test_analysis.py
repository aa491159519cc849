"""Words in any script: BM25 finds what a question in the collection's own language is about."""

import logging
from pathlib import Path

import pytest

from retrieval_kd.measures.evaluate import evaluate
from retrieval_kd.ranking.analysis import Letters, characters_and_pairs, fitting, letters_of
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.records import Passage
from tests.ranking.test_lexical import bm25

# language → passage and the question that it answers
SCRIPTS: dict[str, list[tuple[str, str]]] = {
    "Chinese": [
        ("熊猫主要生活在四川的竹林里，以竹子为食。", "熊猫吃什么"),
        ("长城是中国古代的军事防御工程，全长两万多公里。", "长城有多长"),
        ("茶叶最早在云南种植，后来传到世界各地。", "茶叶在哪里种植"),
        ("端午节人们吃粽子，划龙舟，纪念屈原。", "纪念屈原的节日"),
        ("北京大学成立于一八九八年，是著名的高等学府。", "北京大学何时成立"),
    ],
    "Japanese": [
        ("富士山は日本で一番高い山で、標高は三千七百七十六メートルです。", "富士山の高さ"),
        ("東京タワーは一九五八年に完成した電波塔です。", "東京タワーの完成"),
        ("猫は一日に十六時間ほど眠る動物です。", "猫の睡眠時間"),
        ("寿司は酢飯と魚を組み合わせた料理です。", "寿司の魚"),
        ("新幹線は時速三百キロで走る高速鉄道です。", "新幹線の時速"),
    ],
    "Thai": [
        ("กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย", "เมืองหลวงของไทย"),
        ("แมวเป็นสัตว์เลี้ยงที่ชอบนอนกลางวัน", "แมวชอบนอน"),
        ("ข้าวเหนียวมะม่วงเป็นขนมหวานยอดนิยม", "ขนมหวานมะม่วง"),
        ("แม่น้ำเจ้าพระยาไหลลงสู่อ่าวไทย", "แม่น้ำไหลลงอ่าว"),
        ("ช้างเป็นสัตว์บกที่ใหญ่ที่สุดในโลก", "ช้างใหญ่ที่สุด"),
    ],
    "Lao": [
        ("ນະຄອນຫຼວງວຽງຈັນເປັນເມືອງຫຼວງຂອງປະເທດລາວ", "ເມືອງຫຼວງຂອງລາວ"),
        ("ແມວມັກນອນຕອນກາງເວັນ", "ແມວນອນ"),
        ("ແມ່ນ້ຳຂອງໄຫຼຜ່ານຫຼາຍປະເທດ", "ແມ່ນ້ຳໄຫຼ"),
        ("ຊ້າງເປັນສັດທີ່ໃຫຍ່", "ຊ້າງໃຫຍ່"),
    ],
    "Khmer": [
        ("ភ្នំពេញជារាជធានីនៃប្រទេសកម្ពុជា", "រាជធានីកម្ពុជា"),
        ("អង្គរវត្តជាប្រាសាទធំបំផុត", "ប្រាសាទអង្គរ"),
        ("ទន្លេមេគង្គហូរកាត់ប្រទេសជាច្រើន", "ទន្លេហូរ"),
        ("ឆ្មាចូលចិត្តដេកពេលថ្ងៃ", "ឆ្មាដេក"),
    ],
    "Burmese": [
        ("နေပြည်တော်သည်မြန်မာနိုင်ငံ၏မြို့တော်ဖြစ်သည်", "မြန်မာမြို့တော်"),
        ("ကြောင်များသည်နေ့ခင်းတွင်အိပ်ကြသည်", "ကြောင်အိပ်"),
        ("ဧရာဝတီမြစ်သည်အရှည်ဆုံးမြစ်ဖြစ်သည်", "ဧရာဝတီမြစ်"),
        ("ဆင်သည်အကြီးဆုံးကုန်းနေသတ္တဝါဖြစ်သည်", "အကြီးဆုံးသတ္တဝါ"),
    ],
    "Korean": [
        ("서울은 대한민국의 수도이다", "대한민국 수도"),
        ("고양이는 낮에 잠을 많이 잔다", "고양이 잠"),
        ("한글은 세종대왕이 만들었다", "세종대왕 한글"),
        ("김치는 배추로 담근 음식이다", "배추 김치"),
    ],
    "Hindi": [
        ("दिल्ली भारत की राजधानी है", "भारत की राजधानी"),
        ("बिल्ली दिन में बहुत सोती है", "बिल्ली सोती"),
        ("गंगा नदी हिमालय से निकलती है", "गंगा हिमालय"),
        ("हाथी सबसे बड़ा जानवर है", "बड़ा हाथी"),
    ],
    "Chinese and English": [
        ("PyTorch 是一个深度学习框架。", "深度学习框架 pytorch"),
        ("The panda eats bamboo 熊猫吃竹子。", "熊猫"),
        ("EncodeOptions shoes 跑步鞋推荐。", "run 跑步"),
        ("The tea of Yunnan 云南茶叶。", "茶"),
    ],
}


def written(folder: Path, language: str) -> Collection:
    texts = [text for text, _ in SCRIPTS[language]]
    return Collection.write(folder / "collection", (Passage(f"p{at}", "", text) for at, text in enumerate(texts)))


@pytest.mark.parametrize("language", SCRIPTS)
def test_what_is_written_without_blanks_or_with_marks_is_found(language: str, tmp_path: Path) -> None:
    queries = {f"q{at}": question for at, (_, question) in enumerate(SCRIPTS[language])}
    judgments = Judgments({f"q{at}": {f"p{at}": 1} for at in range(len(queries))})
    run = bm25().rank(queries, written(tmp_path, language), 10)
    assert evaluate(run, judgments).mean("nDCG@10") > 0.8


@pytest.mark.parametrize("language", ["Chinese", "Japanese", "Thai"])
def test_the_chosen_analyser_is_logged_and_can_be_set(
    language: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collection, question = written(tmp_path, language), SCRIPTS[language][0][1]
    with caplog.at_level(logging.INFO):
        bm25().rank({"q": question}, collection, 10)
    assert "BM25: analyser=bigram, as 100% of the letters are of scripts without blanks" in caplog.text
    caplog.clear()
    assert not bm25(analyser="english").rank({"q": question}, collection, 10).query_ids
    assert "analyser=" not in caplog.text


def test_what_is_english_is_analysed_as_anserini_does_it(tmp_path: Path) -> None:
    texts = ["The dog's running, in version 3.11 of os.path - don't!", "naïve café, the whale 東"] + ["fox"] * 300
    collection = Collection.write(tmp_path / "english", (Passage(f"p{at}", "", t) for at, t in enumerate(texts)))
    queries = {"q": "DOG runs 3.11 naïve whale"}
    chosen, english = (bm25(analyser=name).rank(queries, collection, 9) for name in (None, "english"))
    assert list(chosen.lists["q"]) == list(english.lists["q"])


@pytest.mark.parametrize(
    ("letters", "analyser", "why"),
    [
        (Letters(0.0, 0.0, 1.0), "english", "Latin"),
        (Letters(0.009, 0.009, 0.98), "english", "Latin"),
        (Letters(0.02, 0.0, 0.98), "bigram", "2% of the letters"),
        (Letters(0.0, 0.3, 0.0), "unicode", "30% of the letters are combining marks"),
        (Letters(0.0, 0.0, 0.0), "english", "0% of the letters are Latin: give ranker.stemmer"),
    ],
)
def test_the_analyser_follows_from_the_letters(letters: Letters, analyser: str, why: str) -> None:
    assert fitting(letters)[0] == analyser
    assert why in fitting(letters)[1]


def test_letters_are_counted_by_script(tmp_path: Path) -> None:
    passages = [Passage("a", "", "ab 東京"), Passage("b", "", "हिन्दी"), Passage("c", "", "12 -- привет")]
    # 2 Latin, 2 Han, 3 Devanagari letters with 3 marks, 6 Cyrillic: 16
    assert letters_of(Collection.write(tmp_path / "c", passages)) == Letters(2 / 16, 3 / 16, 2 / 16)


def test_a_character_keeps_its_marks_and_a_run_of_one_is_a_word() -> None:
    assert characters_and_pairs("東京都") == ["東", "京", "都", "東京", "京都"]
    assert characters_and_pairs("ดำ") == ["ดำ"]
    assert characters_and_pairs("猫") == ["猫"]


def test_full_and_half_width_are_the_same(tmp_path: Path) -> None:
    texts = ["ｶﾀｶﾅ の ＡＢＣ", "ひらがな の ぶん"]
    collection = Collection.write(tmp_path / "wide", (Passage(str(at), "", text) for at, text in enumerate(texts)))
    for query in ("カタカナ", "abc"):
        assert bm25().rank({"q": query}, collection, 5).lists["q"][0].passage_id == "0"
