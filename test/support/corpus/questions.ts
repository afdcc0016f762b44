/** A question, the file that knows the answer, and what the best chunk must say. */
export interface Question {
  ask: string
  file: string
  says: string
}

const q = (file: string, ask: string, says: string): Question => ({ file, ask, says })

/** Written before any weight of the search was chosen. Half of them name the thing, half describe it in other words. */
export const QUESTIONS: Question[] = [
  q('waermepumpe-k9.docx', 'Wie hoch ist der COP der Wärmepumpe K9 bei A2/W35?', '4,9'),
  q('waermepumpe-k9.docx', 'Was bedeutet die Störung E23 und was muss ich entfernen?', 'Laub und Eis vom Verdampfer'),
  q('waermepumpe-k9.docx', 'Bestellnummer der Opferanode', 'OA-5520'),
  q('waermepumpe-k12.md', 'Wie viel wiegt das Außengerät der K12?', '187 kg'),
  q('waermepumpe-k12.md', 'In welcher Nacht läuft der Legionellenschutz bei der K12?', 'Nacht zum Mittwoch'),
  q('assurance-habitation.html', 'Dans quel délai faut-il déclarer un vol à l’assureur ?', 'deux jours ouvrés'),
  q('assurance-habitation.html', 'Jusqu’à quelle somme la recherche de fuite est-elle remboursée ?', '1 800 euros'),
  q('contrato-alquiler.docx', '¿Cuánto es la renta mensual de la puerta 4B?', '845 euros'),
  q('contrato-alquiler.docx', '¿Puedo tener un perro en la vivienda alquilada? ¿Cuánto puede pesar el animal?', 'menos de diez kilos'),
  q('edital-bolsas.pdf', 'Qual é o valor mensal da bolsa de doutoramento?', '1.480 euros'),
  q('edital-bolsas.pdf', 'Até que idade se pode concorrer às bolsas?', '32 anos'),
  q('ricette.md', 'Quanto tempo si conservano gli gnocchi crudi nel congelatore?', 'tre settimane'),
  q('ricette.md', 'Quale dolce va bene per i celiaci?', 'Torta di nocciole'),
  q('регламент-склада.txt', 'Сколько стоит хранение паллеты в сутки после бесплатного срока?', '48 рублей'),
  q('регламент-склада.txt', 'Где заряжают погрузчики?', 'у ворот № 7'),
  q('regulamin-biblioteki.txt', 'Ile kosztuje duplikat karty bibliotecznej?', '12 złotych'),
  q('regulamin-biblioteki.txt', 'Kiedy wolontariusze przynoszą książki do domu chorym?', 'pierwszy czwartek miesiąca'),
  q('使用説明書-m5.html', '画面にE-62と表示されたらどうすればいいですか', 'メモリーカードの端子'),
  q('使用説明書-m5.html', 'カメラの保証期間はどのくらいですか', '十八か月'),
  q('员工手册.docx', '入职满一年有几天年假？', '十二天带薪年假'),
  q('员工手册.docx', '一线城市出差住宿标准是多少', '五百五十元'),
  q('로봇청소기-faq.html', '교체용 필터의 제품 번호는 무엇입니까?', 'HF-203'),
  q('로봇청소기-faq.html', '와이파이 설정을 초기화하려면 어떤 버튼을 눌러야 하나요?', '홈 버튼을 함께 칠 초'),
  q('دليل-المكتبة.txt', 'كم كتابًا يستعير المشترك في المرة الواحدة؟', 'ستة كتب'),
  q('دليل-المكتبة.txt', 'متى تقام جلسة الحكاية للأطفال؟', 'الحادية عشرة'),
  q('incident-ir-2291.pdf', 'What was the root cause of the checkout outage?', 'intermediate certificate of the issuer'),
  q('incident-ir-2291.pdf', 'Who owns action PAY-772 and when is it due?', 'Marek Dvorak, due 15 September'),
  q('quarterly-review.pptx', 'How many bikes are affected by the recall of the fork?', '1,130'),
  q('quarterly-review.pptx', 'How long do customers wait for a repair at Brightwater?', '6 days'),
  q('rate_limiter.py', 'Which function removes idle buckets?', 'evict_idle_buckets'),
  q('rate_limiter.py', 'How many seconds is the penalty after three refusals in the rate limiter?', 'PENALTY_SECONDS = 90'),
  q('ferry-manual.pdf', 'Who is the captain of MV Razorbill?', 'Captain Fiona Drummond'),
  q('ferry-manual.pdf', 'Which VHF channel does MV Shearwater use for berthing?', 'MV Shearwater uses VHF channel 17'),
  q('ferry-manual.pdf', 'At what wind does the Gannet stay in harbour?', 'above 27 metres a second'),
  q('price-list-2026.xlsx', 'What do pruning shears for left-handers cost?', '46.8'),
  q('price-list-2026.xlsx', 'Delivery price to Norway', '19.8'),
  q('price-list-2025.csv', 'How much was SD-1059 Melon Petit Gris?', '3.80'),
  q('stations.json', 'Serial number of the weather station at Gravenstein', 'WX-6441'),
  q('server.log', 'Which node was unreachable when search shard 4 lost quorum?', 'opal-3'),
  q('server.log', 'deadlock between transfers tx-88121', 'tx-88124'),
]

/** Not chosen by: their score says how much of the other is habit. */
export const HELD_OUT: Question[] = [
  q('waermepumpe-k9.docx', 'Welchen Code braucht man bei der K9 für das Fachkräftemenü?', '7315'),
  q('waermepumpe-k12.md', 'Wie lange gilt bei der Kalthoff K12 die Garantie auf den Verdichter?', 'sieben Jahre Garantie'),
  q(
    'assurance-habitation.html',
    'Les chevaux sont-ils couverts par la responsabilité civile ?',
    'à l’exception des chevaux'.replace('’', "'"),
  ),
  q('contrato-alquiler.docx', '¿Quién revisa la caldera?', 'Termoclima Turia'),
  q('edital-bolsas.pdf', 'Quantos dias por ano deve o bolseiro navegar no Ondina?', 'trinta dias por ano'),
  q('ricette.md', 'Per quante ore si ammolla lo stoccafisso?', 'quarantotto ore'),
  q('регламент-склада.txt', 'Какая доплата за работу ночью?', '35 процентов'),
  q('regulamin-biblioteki.txt', 'Jaka jest kara za dzień opóźnienia zwrotu filmu?', '1 złoty od filmu'),
  q('使用説明書-m5.html', '動画は最長で何分まで録画できますか', '二十九分'),
  q('员工手册.docx', '笔记本电脑丢失了应该向谁报告？', '林若溪'),
  q('로봇청소기-faq.html', '물걸레 패드는 몇 번까지 세탁할 수 있나요?', '최대 오십 번'),
  q('دليل-المكتبة.txt', 'ما غرامة التأخير عن كل يوم؟', 'ربع دينار'),
  q('incident-ir-2291.pdf', 'How many customers used the voucher?', '2,905'),
  q('quarterly-review.pptx', 'Who is the new head of purchasing?', 'Tobias Nygaard'),
  q('rate_limiter.py', 'Which addresses are never rate limited?', 'is_trusted_network'),
  q('ferry-manual.pdf', 'How many cars fit on the car deck of MV Guillemot?', 'car deck of MV Guillemot takes 125 cars'),
  q('ferry-manual.pdf', 'Name the doctor on board of the Osprey', 'Dr Peter Nkemelu'),
  q('price-list-2026.xlsx', 'Price and weight of the wheelbarrow in 2026', '119'),
  q('stations.json', 'Which anemometer is mounted at Dornach?', 'Boreas-2'),
  q('server.log', 'Which picture could the thumbs service not decode?', 'asset-90817.heic'),
]

/** Written after the last weight was chosen. */
export const LATE: Question[] = [
  q('waermepumpe-k9.docx', 'Auf wie viel Grad wird der Speicher der K9 gegen Legionellen erhitzt?', '62 °C'),
  q('waermepumpe-k12.md', 'Welche Absicherung braucht die Wärmepumpe K12?', 'Absicherung 20 A'),
  q('assurance-habitation.html', 'Combien coûte par an la formule Confort ?', '254 euros'),
  q('assurance-habitation.html', 'Quel est le plafond de la responsabilité civile pour les dommages corporels ?', '6 millions'),
  q('contrato-alquiler.docx', '¿De cuánto es la garantía adicional además de la fianza?', '1.200 euros'),
  q('edital-bolsas.pdf', 'Quem preside ao júri?', 'Benedita Falcão'),
  q('ricette.md', 'Quanti fogli di gelatina servono per la panna cotta?', '6 g di gelatina'),
  q('регламент-склада.txt', 'Какая температура должна быть в холодильной камере?', 'от двух до шести градусов'),
  q('regulamin-biblioteki.txt', 'Ile książek można wypożyczyć naraz i na jak długo?', 'siedem książek na trzydzieści dni'),
  q('使用説明書-m5.html', '交換用バッテリーの型番を教えてください', 'MB-17'),
  q('员工手册.docx', '试用期有多长？工资是多少？', '试用期为三个月'),
  q('로봇청소기-faq.html', '배터리의 보증 기간은 얼마입니까?', '배터리는 일 년'),
  q('دليل-المكتبة.txt', 'ما رسوم الاشتراك السنوي للطلاب؟', 'عشرة دنانير للطلاب'),
  q('incident-ir-2291.pdf', 'How many orders were lost during the outage?', '6,318'),
  q('quarterly-review.pptx', 'What share of sales are e-bikes?', '46 percent'),
  q('rate_limiter.py', 'How many tokens are refilled per second?', 'REFILL_PER_SECOND = 4.0'),
  q('ferry-manual.pdf', 'Where do passengers of the Fulmar gather in an emergency?', 'observation lounge on deck 7'),
  q('ferry-manual.pdf', 'How many lifeboats does MV Puffin carry?', 'MV Puffin carries 4 lifeboats'),
  q('price-list-2026.xlsx', 'When is pumpkin sown?', 'Pumpkin Hokkaido'),
  q('server.log', 'Which volume of the ledger was nearly full?', 'vol-ledger-2'),
]
