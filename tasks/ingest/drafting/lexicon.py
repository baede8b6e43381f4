"""Words of column names by what they speak of, in the languages that exports come in.

`plain_name` is applied to all of them. Latin, Cyrillic, Greek and Arabic words are found at the ends of a
name's parts, the words of scripts without spaces anywhere in it.
"""

WORDS = {
    # English; German, Dutch, Scandinavian; French, Spanish, Portuguese, Italian; Polish, Czech, Turkish;
    # Russian, Ukrainian; Chinese, Japanese, Korean; Arabic, Greek, Hindi.
    "user": """user users customer customers member client visitor reviewer reader buyer viewer listener
        player shopper subscriber person people account guest passenger patient student learner consumer
        msno reviewerid customerid userid visitorid uid uuid profile rater borrower patron author_id
        cust usr kunde kunden benutzer nutzer besucher mitglied kaufer leser klant gebruiker bezoeker
        kund anvandare bruger bruker kayttaja asiakas utilisateur acheteur abonne lecteur membre usuario
        cliente comprador socio lector usuaria utente acquirente utilizador consumidor uzytkownik klient
        kupujacy zakaznik uzivatel kullanici musteri uye felhasznalo vasarlo utilizator пользователь
        клиент покупатель юзер читатель користувач клієнт покупець 用户 用戶 客户 客戶 会员 會員 买家
        買家 顾客 顧客 使用者 ユーザー ユーザ 利用者 会員 顧客 購入者 お客様 사용자 회원 고객 유저
        구매자 المستخدم مستخدم العميل عميل الزبون χρηστης πελατης उपयोगकर्ता ग्राहक""",
    "item": """item items prod art product products movie movies film films article articles book books
        song songs track tracks artist album game games app video videos show series anime news story
        sku asin parent_asin isbn ean gtin upc barcode stockcode goods good business venue restaurant
        hotel poi place recipe course listing property_id offer merchandise title_id content podcast
        episode beer wine joke ad advert creative job artikel produkt produkte ware buch bucher filme
        spiel lied titel_id boek spel vara varor vare bok tuote article produit produits livre film jeu
        chanson ouvrage producto productos articulo articulos libro libros pelicula peliculas juego
        cancion produto produtos livro livros jogo filme musica prodotto prodotti articolo gioco canzone
        produktu towar towaru ksiazka gra zbozi vyrobek kniha urun kitap oyun termek konyv товар товара
        продукт книга книги фильм фильма песня игра артикул товару фільм 商品 产品 產品 物品 宝贝 电影
        電影 图书 圖書 书籍 歌曲 影片 游戏 文章 新闻 新聞 アイテム 製品 品番 映画 書籍 作品 楽曲 本 상품
        제품 영화 도서 책 노래 게임 기사 아이템 المنتج منتج الكتاب كتاب الفيلم السلعة προιον βιβλιο
        ταινια उत्पाद फिल्म""",
    "id": """id ids key code number no nr num sha sha1 hash mbid guid uuid identifier ref reference pk
        nummer kennung schluessel schlussel kode numero codigo clave identifiant identificador numero
        codice numer kod cislo kodu kimlik numara identyfikator azonosito идентификатор номер код ид
        айди 编号 編號 号 號 编码 代码 標識 标识 識別 番号 コード 識別子 번호 아이디 코드 المعرف معرف
        رقم رمز κωδικος αριθμος""",
    "name": """name names label bezeichnung benennung namn navn naam nimi nom denomination libelle
        nombre denominacion nome denominacao denominazione nazwa nazev ad adi isim nev nume название
        наименование имя назва найменування 名称 名稱 名字 名 名前 이름 명 الاسم اسم ονομα नाम""",
    "title": """title titles headline heading caption subject_line titel titre titulo titolo tytul titul
        baslik cim titlu заголовок название_фильма заголовок 标题 標題 题目 書名 书名 片名 タイトル 題名
        商品名 品名 제목 상품명 제품명 العنوان عنوان τιτλος शीर्षक""",
    "text": """description desc overview summary abstract plot synopsis body text blurb about details
        detail features content_text storyline annotation beschreibung zusammenfassung inhalt
        omschrijving beskrivning beskrivelse kuvaus resume descriptif descripcion resumen sinopsis
        descricao resumo sinopse descrizione riassunto trama opis popis aciklama ozet leiras описание
        аннотация опис 描述 简介 簡介 详情 詳情 介绍 介紹 说明 說明 摘要 内容 説明 概要 あらすじ 紹介
        설명 소개 내용 줄거리 요약 الوصف وصف περιγραφη विवरण""",
    "category": """category categories genre genres tag tags topic topics department departments
        subcategory type types group class section kind family cat cats subject subjects shelf style
        aisle collection kategorie kategorien warengruppe rubrik gattung abteilung categorie rubriek
        kategori afdeling luokka rayon rubrique genero generos categoria categorias rubro departamento
        seccion secao reparto genere generi kategoria kategorie_produktu gatunek dzial zanr tur turu
        mufaj категория категории жанр жанры раздел рубрика категорія 类别 類別 类目 分类 分類 类型 類型
        种类 品类 カテゴリ カテゴリー ジャンル 種類 部門 카테고리 분류 장르 종류 الفئة فئة النوع التصنيف
        κατηγορια श्रेणी""",
    "year": """year years yr releaseyear publicationyear jahr erscheinungsjahr jaar ar annee ano anno
        rok yil ev год рік 年份 年 年度 発売年 公開年 연도 년도 السنة سنة ετος χρονια वर्ष""",
    "image": """image images imageurl imagepath poster picture photo photos img thumbnail thumb cover
        bild foto afbeelding imagen immagine imagem obraz zdjecie obrazek resim gorsel kep изображение
        фото картинка 图片 圖片 图像 封面 主图 画像 写真 イメージ 이미지 사진 الصورة صورة εικονα चित्र""",
    "active": """active isactive available availability instock isopen open enabled isavailable
        published status_active aktiv verfugbar lieferbar beschikbaar actif disponible ativo disponivel
        attivo disponibile aktywny dostepny dostupny aktif mevcut активен доступен активный наличие 有效
        在售 上架 是否上架 有货 販売中 有効 在庫あり 판매중 재고 متاح نشط διαθεσιμο""",
    "time": """timestamp time datetime date eventtime createdat created unixtime unix ts when day dat dt
        epoch occurred at watched purchased viewed datum zeit zeitpunkt zeitstempel uhrzeit bestelldatum
        kaufdatum tidpunkt tid tijd tijdstip paiva aika horodatage heure jour fecha hora momento data
        horario dataora ora czas dzien cas tarih zaman datum_ido idopont дата время час 时间 時間 时间戳
        日期 时刻 日時 日付 タイムスタンプ 購入日 注文日 날짜 시간 일시 일자 التاريخ تاريخ الوقت وقت
        ημερομηνια χρονος ωρα दिनांक समय""",
    "rating": """rating ratings rate stars star score overall grade mark vote recommended recommend
        liked like target clicked is_click interest preference bewertung note sterne punkte wertung
        beoordeling waardering betyg vurdering arvosana evaluation etoiles avis puntuacion calificacion
        valoracion estrellas voto nota avaliacao estrelas valutazione punteggio stelle ocena punkty
        hodnoceni puan oy derece ertekeles оценка рейтинг балл оцінка 评分 評分 打分 星级 分数 評価 点数
        レーティング 스코어 評点 평점 별점 점수 التقييم تقييم الدرجة βαθμολογια αξιολογηση रेटिंग""",
    "value": "value val wert valeur valor valore wartosc deger значение 值 値 값 القيمة",
    "amount": """quantity qty amount count plays playcount hours units pieces duration seconds minutes
        num_25 menge anzahl stuckzahl stuck aantal antal maara quantite qte nombre_articles cantidad
        cant unidades quantidade qtd qtde quantita pezzi ilosc sztuk mnozstvi pocet adet miktar
        mennyiseg db количество кол-во кількість 数量 數量 件数 个数 次数 個数 購入数 点数_数量 수량
        개수 횟수 الكمية كمية العدد ποσοτητα मात्रा""",
    "price": """price unitprice prices cost revenue sales_amount total subtotal discount freight fee tax
        preis einzelpreis betrag umsatz prijs bedrag pris hinta prix montant tarif precio importe coste
        preco valor_total custo prezzo costo importo cena kwota fiyat tutar ar_ft цена стоимость сумма
        ціна 价格 價格 单价 單價 金额 金額 售价 価格 単価 値段 가격 단가 금액 السعر سعر المبلغ τιμη कीमत""",
    "event": """event eventtype action actiontype interaction interactiontype behavior behaviour
        activity activitytype eventname feedback reaction operation ereignis aktion aktivitat handlung
        gebeurtenis handling evenement evento accion acao azione zdarzenie akcja udalost akce olay islem
        eylem esemeny событие действие подія дія 行为 行為 事件 操作 动作 行动 イベント 行動 アクション
        操作種別 이벤트 행동 행위 الحدث حدث الإجراء συμβαν घटना""",
    "query": """query searchquery searchterm search keyword keywords term suchbegriff suchanfrage suche
        zoekterm sokord requete recherche consulta busqueda busca pesquisa ricerca zapytanie fraza dotaz
        arama sorgu запрос поиск 搜索 搜索词 查询 关键词 關鍵詞 検索 検索語 キーワード 검색어 검색 البحث
        استعلام αναζητηση""",
    "head": "head entity h source_entity subject_entity",
    "relation": "relation predicate property attribute rel relationship attr eigenschaft merkmal propriete",
    "tail": "tail object t target_entity value",
    "order": """order orders invoice transaction basket cart session receipt trip visit request
        impression purchase_id checkout review comment post line row index lineitem bestellung rechnung
        auftrag warenkorb sitzung transaktion beleg zeile commande facture panier seance pedido factura
        compra cesta sesion venda carrinho ordine fattura carrello sessione scontrino zamowienie faktura
        koszyk sesja paragon objednavka siparis fatura sepet oturum rendeles szamla заказ счет чек
        транзакция корзина сессия строка замовлення 订单 訂單 发票 交易 会话 購物車 购物车 序号 序號
        注文 取引 伝票 セッション カート 行番号 주문 거래 세션 장바구니 الطلب طلب الفاتورة الجلسة
        παραγγελια ऑर्डर""",
    "content": """author authors writer brand director directors actor actors cast publisher
        manufacturer maker language color colour material artist artists composer singer vendor designer
        developer creator store ingredients cuisine keywords_of keyword original_language country studio
        studios band label_name marke autor autoren hersteller farbe verlag schauspieler regisseur
        sprache land werkstoff merk kleur auteur auteurs marque realisateur acteurs couleur langue
        editeur fabricant autores marca editorial director fabricante color idioma pais cor editora
        diretor atores fabbricante autore regista colore lingua editore autor marka wydawnictwo
        producent rezyser kolor znacka vyrobce barva yazar yayinevi renk dil yonetmen szerzo автор бренд
        издательство производитель режиссер цвет язык актеры виробник 作者 品牌 导演 導演 演员 出版社
        颜色 語言 语言 制造商 著者 ブランド 監督 出演者 出版 メーカー 色 作家 저자 브랜드 감독 출판사
        제조사 색상 المؤلف العلامة المخرج συγγραφεας μαρκα लेखक""",
    "computed": """avg average mean median count counts cnt total num number_of sum ratio share percent
        popularity popular rank ranking votes lenght length size weight width height rev reviews
        review_count sold views clicks likes helpful useful funny cool durchschnitt anzahl_bewertungen
        moyenne promedio media mittel srednia среднее 平均 平均評価 销量 数 평균""",
    "late": """limit shipping shipped delivered delivery estimated approved deadline due expiry updated
        modified update changed end finished answer carrier deleted geliefert lieferung livraison
        entrega envio consegna spedizione dostawa teslimat доставка 发货 送货 到货 更新 配送 更新日 배송""",
    "birth": """birth birthday dob geburt geburtsdatum geburtstag naissance nacimiento nascimento
        nascita urodzenia narozeni dogum рождения 生日 出生 生年月日 誕生日 생년월일 signup registered
        joined since member_since""",
    "place": """city state zip postal country address street lat lng latitude longitude region plz ort
        stadt strasse land ville pays rue ciudad pais calle cidade estado rua citta paese miasto kraj
        ulica mesto sehir ulke город страна адрес 城市 国家 国家地区 地址 住所 都道府県 国 도시 국가
        주소""",
}
