export const WAREHOUSE_RULES = `Регламент работы склада «Северный терминал»

1. Общие положения
Склад принимает и выдаёт грузы круглосуточно, кроме 1 января. Ответственный за регламент — начальник смены Аркадий Лужин. Посторонние входят только в сопровождении сотрудника и в жёлтом жилете. Вход водителям в зону хранения запрещён.

2. Приёмка
Машина ставится под разгрузку не позднее чем через сорок минут после регистрации на проходной. Приёмщик сверяет число мест с накладной, проверяет пломбы и фотографирует повреждённую упаковку. При расхождении больше двух процентов составляется акт формы П-14, который подписывает и водитель. Скоропортящийся груз принимается вне очереди, температура в кузове записывается в журнал.

3. Хранение
Высота штабеля на поддоне не больше 1,8 метра. В секторе А хранится бытовая химия, в секторе Б — продукты, в секторе В — запасные части. Химия и продукты никогда не стоят в одном ряду. Опасные грузы третьего класса лежат в отдельном помещении с вытяжкой, ключ от которого находится у диспетчера. Температура в холодильной камере держится от двух до шести градусов, влажность — не выше 75 процентов.

4. Выдача
Заказ собирается за четыре часа до погрузки. Груз выдаётся по доверенности и паспорту. Бесплатное хранение длится пять суток, затем начисляется 48 рублей за паллету в сутки. Невостребованный груз через шестьдесят суток передаётся на реализацию.

5. Техника
Погрузчики заряжаются только на площадке у ворот № 7. Скорость внутри склада не выше шести километров в час. Водитель погрузчика проходит проверку знаний раз в год. При утечке электролита место засыпают содой и ограждают лентой. Неисправный погрузчик отмечают красной биркой и не используют до ремонта.

6. Пожарная безопасность
Сигнал тревоги — три длинных гудка. Сбор персонала на стоянке у котельной. Огнетушители проверяются каждые три месяца, гидранты — дважды в год. Курить можно только в беседке за корпусом 2. Эвакуация должна занять не больше шести минут.

7. Ночная смена
Ночная смена начинается в 21:00 и заканчивается в 8:00, в ней два перерыва по тридцать минут. Доплата за ночные часы составляет 35 процентов. Обход территории делается каждые два часа, отметка ставится на пяти постах.
`

export const LIBRARY_RULES_PL = `Regulamin wypożyczalni Biblioteki Miejskiej w Jeziornie

1. Zapisy. Kartę biblioteczną wydaje się bezpłatnie po okazaniu dowodu osobistego. Duplikat karty kosztuje 12 złotych. Dzieci do lat trzynastu zapisuje rodzic lub opiekun. Karta jest ważna przez trzy lata.

2. Wypożyczanie. Jednorazowo można wypożyczyć siedem książek na trzydzieści dni oraz cztery filmy na pięć dni. Lektury szkolne wypożycza się na czternaście dni. Książki z czytelni, atlasy i stare druki są udostępniane tylko na miejscu. Termin zwrotu można przedłużyć dwa razy, jeśli nikt inny nie zamówił książki.

3. Kary. Za każdy dzień opóźnienia pobiera się 20 groszy od książki i 1 złoty od filmu. Za zgubioną książkę czytelnik oddaje nowy egzemplarz albo płaci podwójną wartość. Po przekroczeniu kwoty 50 złotych konto zostaje zablokowane.

4. Czytelnia. Czytelnia jest czynna od wtorku do soboty w godzinach od 10 do 19. W czytelni znajduje się osiem stanowisk komputerowych, z których można korzystać przez godzinę dziennie. Wydruk jednej strony kosztuje 40 groszy. Jedzenie dozwolone jest tylko w kawiarni na parterze.

5. Zbiory specjalne. Rękopisy z zapisu hrabiego Ostrorowskiego ogląda się w rękawiczkach, po umówieniu wizyty z tygodniowym wyprzedzeniem. Fotografowanie bez lampy jest dozwolone. Opiekunem zbiorów jest pani Jagoda Wierzbicka.

6. Książka na telefon. Osobom chorym i niepełnosprawnym wolontariusze dostarczają książki do domu w pierwszy czwartek miesiąca. Zamówienia przyjmuje się pod numerem 555 01 47.
`
