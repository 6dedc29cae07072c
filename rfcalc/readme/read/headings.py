"""The columns of receptive-field tables: which quantity a heading names, and what a cell holds.

Headings come in many spellings (N_in, Input size, jin, Jump, RF) and languages; each becomes one of the engine's own
words, or nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache

from .cells import NUMBER

DIRECTIONS = {
    "in": "in input inputs inp previous prev before eingabe eingang eingangs entree entrada ingresso "
    "вход 输入 輸入 入力 입력",
    "out": "out output outputs outp after ausgabe ausgang ausgangs sortie salida saida uscita "
    "выход 输出 輸出 出力 출력",
}
HEADING_WORDS = {
    "name": "operation operations op layer layers layername name type layertype block step module convolution "
    "conv2d conv2dtransform transform "
    "conv configuration config details detail settings description layertypedepthidx schicht ebene lage "
    "couche capa camada strato слой операция 层 层名 操作 网络层 層 層名 層の種類 レイヤー レイヤ 種類 레이어 층 "
    "계층 layeroperation operator",
    "n": "n size sizes dim dims dimension dimensions shape resolution res image imagesize imgsize featuremap "
    "featuremapsize fmap mapsize spatialsize hw activationsize activationshape grosse bildgrosse taille tamano tamanho "
    "volume volumesize dimensione размер featuremap大小 图片 图像 图片大小 "
    "尺寸 大小 特征图 特征图尺寸 特征图大小 图像尺寸 形状 サイズ 画像サイズ 크기 이미지크기",
    "ch_out": "filters kernels 卷积核种类 卷积核数量 卷积核个数 采样种类",
    "ch": "channels channel ch chs chan c depth maps featuremaps nch kanale kanal canaux canales "
    "canal canali canais каналы 通道 通道数 通道數 チャネル チャンネル チャネル数 チャンネル数 채널 채널수",
    "kernel_size": "kernel k kernelsize ks ksize filter filtersize window windowsize f kern kerngrosse filtergrosse "
    "faltungskern noyau taillenoyau tamanonucleo nucleo filtro tamanofiltro tamanokernel 卷积核 核 核大小 卷积核大小 "
    "核尺寸 卷积核尺寸 卷積核 卷積核大小 kerneldim tamanhokernel tamanhofiltro ядро размерядра カーネル カーネルサイズ "
    "フィルタ フィルター フィルタサイズ フィルターサイズ 커널 커널크기 필터 필터크기 "
    "poolsize poolingsize windowshape kernelshape filtershape kerneldimensions 采样区域 池化大小 池化窗口 池化核",
    "effective": "effkernel effkernelsize effectivekernel effectivekernelsize keff keffective effk kerneleffective",
    "stride": "stride strides s str schrittweite schritt pas paso zancada passo шаг 步长 步幅 步長 ストライド "
    "스트라이드 보폭",
    "padding": "padding p pad paddings polsterung auffullung rand remplissage rembourrage marge relleno "
    "preenchimento отступ паддинг 填充 パディング パッド 패딩",
    "dilation": "dilation d dil rate dilationrate atrous atrousrate dilatation dilatacion dilatazione 膨胀率 空洞率 "
    "扩张率 膨胀 膨脹率 ダイレーション 膨張率 팽창",
    "groups": "groups group g gruppen groupes grupos gruppi группы 分组 组数 グループ グループ数 그룹",
    "j": "j jump jumps jumpsize cumulativestride totalstride effectivestride accumulatedstride strideproduct "
    "featurestride sprung saut salto ジャンプ 점프 跳跃 跳步 累积步长 累计步长 总步长",
    "r": "cumulativerf cumulativereceptivefield accumulatedrf accumulatedreceptivefield theoreticalrf "
    "theoreticalreceptivefield r rf receptivefield recfield effectivereceptivefield rfs "
    "receptivefields receptive receptivefieldsize rfsize globalrf globalreceptivefield grf "
    "rezeptivesfeld champreceptif champrecepteur camporeceptivo campo_recettivo camporicettivo рецептивноеполе "
    "感受野 感受野大小 受容野 受容野サイズ 受容野の大きさ 수용영역 수용장 수용야",
    "times": "times repeat repeats repetitions reps convs convsperblock convsinblock convolutionsperblock "
    "layersperblock",
    "start": "start center centre startcenter",
    "macs": "macs mac madds multadds multiplyadds",
    "params": "params parameters param parametercount parameter weights parametres parametros parametri параметры "
    "trainableparameters trainableparams learnableparameters learnableparams 可训练参数 训练参数 参数个数 "
    "параметров числопараметров количествопараметров 参数 参数量 参数数量 參數 參數量 パラメータ パラメータ数 "
    "パラメーター数 파라미터 파라미터수 매개변수",
}
FILLERS = frozenset([
    "of", "the", "du", "de", "d", "do", "da", "del", "des", "der", "die", "la", "le", "l", "et", "no", "nb", "num",
    "number", "count", "total", "px", "pixels", "samples",
])  # fmt: skip
CLOSE, LONG = 0.83, 6
"""How like a word of so many letters a misspelt one must be: kernal is kernel, recptive is receptive."""
DIRECTED = ("n", "ch", "j", "r")
WINDOW_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "groups")


def words_of(heading: str) -> list[str]:
    """The words of a heading in lower case, without accents, sub- and superscript forms and signs."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", heading[:80]))
    text = "".join(c for c in text if not unicodedata.combining(c)).replace("ß", "ss")
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]


COLUMN_WORDS = {
    "".join(words_of(word)): quantity for quantity, words in HEADING_WORDS.items() for word in words.split()
}
LONG_WORDS = [word for word in COLUMN_WORDS if len(word) >= LONG]
SIDES = {"".join(words_of(word)): side for side, words in DIRECTIONS.items() for word in words.split()}


@lru_cache(maxsize=4096)
def column_of(heading: str) -> str | None:
    """The quantity that a heading names: n_in, r_out, kernel_size, … ; n, j, r or ch where it gives no side; several
    settings with commas between for a column that holds them together. What stands in brackets may be left out.

    >>> column_of("j_in"), column_of("Output size"), column_of("Receptive Field (RF)"), column_of("Notes")
    ('j_in', 'n_out', 'r', None)
    >>> column_of("K,P,S"), column_of("Kernel/Operation")
    ('kernel_size,padding,stride', 'name')
    """
    heading = heading.partition("=")[0] or heading  # R_out = R_in + (K-1)*J_in
    parts = [plain_column(part) for part in re.split(r"[,/;|&]|\band\b", heading) if part.strip()]
    if len(set(parts)) > 1 and all(part in WINDOW_SETTINGS for part in parts):  # K, S is no ks
        return ",".join(map(str, parts))
    found = plain_column(heading)
    if found:
        return found
    if len(parts) > 1 and "name" in parts:
        return "name"
    sided = [part for part in parts if part and part[-3:] in ("_in", "out")]
    if len(parts) > 1 and len(sided) == 1 and all(part in (*sided, *DIRECTED, None) for part in parts):
        return sided[0]  # Input Channels/Image
    if "(" in heading and (bare := re.sub(r"\([^()]*\)?", " ", heading)).strip():
        return plain_column(bare)
    return None


@lru_cache(maxsize=4096)
def plain_column(heading: str) -> str | None:
    stated = words_of(heading)
    words = [word for word in stated if word not in FILLERS or len(stated) == 1]
    sides = [SIDES[word] for word in words if word in SIDES]
    rest = "".join(word for word in words if word not in SIDES)
    if not sides and words:
        sides, rest = split_side(rest)
    quantity = COLUMN_WORDS.get(rest, COLUMN_WORDS.get(meant(rest)))
    quantity = "ch" if sides and quantity == "ch_out" else quantity
    if len(set(sides)) > 1 or (sides and quantity not in (*DIRECTED, None)):
        return None
    if sides and not rest:
        return f"n_{sides[0]}" if len(stated[0]) > 3 else None
    if quantity in DIRECTED and sides:
        return f"{quantity}_{sides[0]}"
    return quantity


def meant(word: str) -> str:
    """The known word of about that length that one letter or two make of another; empty where none is near."""
    near = [known for known in LONG_WORDS if abs(len(known) - len(word)) <= 1]
    return "".join(get_close_matches(word, near, 1, CLOSE))


def split_side(word: str) -> tuple[list[str], str]:
    """A word such as nin, jout or eingabegrosse as its side and the rest."""
    if word in COLUMN_WORDS:
        return [], word
    for mark, side in SIDES.items():
        if word.startswith(mark) and word.removeprefix(mark).removeprefix("s") in COLUMN_WORDS:
            return [side], word.removeprefix(mark).removeprefix("s")
        if word.startswith(mark) and word.removeprefix(mark) in COLUMN_WORDS:
            return [side], word.removeprefix(mark)
        if word.endswith(mark) and word.removesuffix(mark) in COLUMN_WORDS:
            return [side], word.removesuffix(mark)
    return [], word


GIVEN = re.compile(r"[A-Za-z]\s?=\s?\d")
"""A setting with its value, kernel=3: no heading."""


def is_heading_line(headings: Sequence[str]) -> bool:
    """Whether at least three cells, and half of them, are headings of a receptive-field table."""
    if any(NUMBER.fullmatch(heading) or GIVEN.search(heading) for heading in headings):
        return False
    known = {column for column in map(column_of, headings) if column}
    return len(known) >= 3 and 2 * len(known) >= len(headings) and bool(known - {"name", "ch", "n", "params"})
