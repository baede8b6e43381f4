"""What types of events and scales of values say: how much an event counts, and which values are interest."""

from collections.abc import Iterable
from itertools import pairwise

from tasks.ingest.drafting.names import parts, plain_name
from tasks.ingest.drafting.profile import Profile

_WORDS = {
    0: """return returned refund refunded dislike disliked cancel canceled cancelled remove removed
        removefromcart unlike unfollow unfavorite hide hidden block blocked report skip skipped ban
        thumbsdown downvote down negative bad notinterested uninterested reject rejected abandon delete
        bounce never false no ruckgabe storno stornierung retoure gefalltnicht devolucion devolver
        retour annule annulation annulla reso rimborso cancelado zwrot anulowano iade iptal возврат
        отмена дизлайк скрыть 退货 退款 取消 不喜欢 踩 返品 キャンセル 低評価 嫌い 반품 환불 취소 싫어요
        إرجاع إلغاء""",
    1: """view viewed views click clicked pageview detail impression visit open read play played listen
        watch watched browse pv show seen see search session preview expand stream streamed ansicht
        klick aufruf angesehen ansehen gesehen vue clic vu consulte lecture vista ver visto
        visualizacion visualizacao visualizzazione clique wyswietlenie klikniecie odslona zobrazeni
        goruntuleme tiklama просмотр клик показ 浏览 瀏覽 点击 點擊 查看 曝光 閲覧 表示 クリック 視聴
        조회 클릭 보기 시청 مشاهدة عرض نقرة""",
    3: """like liked cart addtocart add basket wishlist favorite favourite fav save saved bookmark
        bookmarked comment commented share shared follow followed subscribe collect rate rated review
        upvote interested thumbsup up toread toberead recommended recommend positive good warenkorb
        indenwarenkorb hinzugefugt merkzettel merken gefallt gefalltmir favorit teilen kommentar panier
        ajoutpanier ajout favori partage aimer cesta carrito anadir guardar compartir megusta carrinho
        favorito carrello aggiunto aggiungi preferiti koszyk dokoszyka ulubione polubienie kosik sepet
        sepeteekle begeni favori корзина вкорзину избранное лайк 加购 加購 收藏 喜欢 点赞 加入购物车
        购物车 分享 评论 カート カート追加 お気に入り いいね 保存 장바구니 찜 좋아요 저장 إعجاب السلة
        سلة المفضلة""",
    5: """purchase purchased buy bought order ordered transaction sale sold checkout pay paid payment
        complete completed convert conversion book booked booking install rent rented borrow true yes
        kauf gekauft kaufen bestellung bestellt bezahlt achat achete commande compra comprar comprado
        pedido acquisto acquistato ordine zakup kupno zamowienie nakup objednavka satin satinalma
        siparis kop покупка заказ купил оплата 购买 購買 下单 购 支付 成交 買 購入 注文 買う 구매 주문
        결제 شراء طلب""",
}
WEIGHTS = {plain_name(word): weight for weight, text in _WORDS.items() for word in text.split()}
NEGATIONS = {"not", "no", "un", "dis", "remove", "nicht", "non", "не"}


def weight_of(name: str) -> int | None:
    """What a type of event counts by its name: more for a purchase than for a view, 0 for a return.

    >>> [weight_of(name) for name in ("addtocart", "page_view", "Removed from cart", "hum")]
    [3, 1, 0, None]
    """
    words = parts(name)
    if set(words) & NEGATIONS and any(word in WEIGHTS for word in words if word not in NEGATIONS):
        return 0
    known = [WEIGHTS[word] for word in (plain_name(name), *words) if word in WEIGHTS]
    return min(known) if 0 in known else max(known, default=None)


def event_weights(types: Iterable[str]) -> dict[str, int]:
    """What each type of event counts; 1 if its name says nothing."""
    known = {name: weight_of(name) for name in sorted(types)}
    return {name: 1 if weight is None else weight for name, weight in known.items()}


def smallest_amount(column: Profile) -> float:
    """The least amount that is not a return: 1 for whole numbers, else a hundredth."""
    return 1.0 if column.whole >= 0.95 else 0.01


def lowest_interest(steps: list[float]) -> tuple[float, bool] | None:
    """From which value on a scale of few steps a value says interest, and whether that is hardly in doubt.

    Of scales with a value of 0 or less the positive values are interest. Of others the upper part is, which
    is a matter of opinion.

    >>> lowest_interest([-1, 0, 1]), lowest_interest([1, 2, 3, 4, 5]), lowest_interest([1])
    ((1, True), (4, False), None)
    """
    positive = [step for step in steps if step > 0]
    if len(steps) < 2 or not positive:
        return None
    if len(positive) < len(steps):
        return positive[0], True
    middle = (steps[0] + steps[-1]) / 2
    return next(
        (above for below, above in pairwise(steps) if above > middle and below <= middle), steps[-1]
    ), False
