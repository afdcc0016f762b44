/** Two manuals of one maker: the same headings and words, other numbers. */
export const HEAT_PUMP_K9 = `Kalthoff Wärmepumpe K9 – Bedienungsanleitung für Betreiber

1 Sicherheit
Die Wärmepumpe K9 darf nur von einer Fachkraft angeschlossen werden. Vor jeder Arbeit am Gerät ist der Hauptschalter auszuschalten und gegen Wiedereinschalten zu sichern. Das Kältemittel R290 ist brennbar: im Umkreis von zwei Metern um das Außengerät sind offene Flammen, Schalter und Steckdosen verboten. Kinder dürfen das Gerät nicht ohne Aufsicht bedienen.

2 Aufstellung
Das Außengerät steht auf einem Fundament aus Beton, mindestens 40 cm über dem erwarteten Schnee. Der Abstand zum Nachbargrundstück beträgt mindestens 3 Meter. Auf der Ausblasseite sind 1,5 Meter freizuhalten. Das Kondenswasser läuft frostfrei in eine Drainage. Gewicht des Außengerätes: 142 kg. Für den Transport mit dem Sackkarren ist die blaue Kippsicherung anzubringen.

3 Technische Daten
Heizleistung bei A2/W35: 8,7 kW. Leistungszahl (COP) bei A2/W35: 4,9. Maximale Vorlauftemperatur: 70 °C. Füllmenge des Kältemittels: 1,25 kg. Elektrischer Anschluss: 400 V, Absicherung 16 A, träge. Schallleistung am Tag: 51 dB(A), im Nachtbetrieb 45 dB(A). Volumen des Pufferspeichers: 120 Liter.

4 Bedienung
Mit dem Drehknopf wird die gewünschte Raumtemperatur eingestellt. Ein kurzer Druck bestätigt, ein langer Druck von fünf Sekunden öffnet das Menü für Fachkräfte; dafür wird der Code 7315 verlangt. Der Urlaubsbetrieb senkt die Raumtemperatur auf 15 °C und schaltet die Warmwasserbereitung ab. Der Nachtbetrieb beginnt um 22 Uhr und endet um 6 Uhr, wenn nichts anderes eingestellt ist.

5 Warmwasser
Die Solltemperatur des Warmwassers ist ab Werk 48 °C. Einmal in der Woche, in der Nacht zum Sonntag, wird der Speicher zum Schutz vor Legionellen auf 62 °C erhitzt. Während dieser Zeit kann das Wasser an den Zapfstellen sehr heiß sein. Wer länger als drei Tage kein Wasser entnommen hat, lässt es vor dem Gebrauch eine Minute laufen.

6 Störungen
E04: Der Volumenstrom im Heizkreis ist zu gering. Schmutzfänger reinigen und Anlagendruck prüfen; er soll zwischen 1,2 und 1,8 bar liegen.
E11: Fühler der Außentemperatur ist unterbrochen. Stecker X7 auf der Regelplatine prüfen.
E17: Der Verdichter läuft nicht an. Gerät zehn Minuten spannungsfrei machen. Tritt die Meldung innerhalb eines Tages dreimal auf, Kundendienst rufen.
E23: Abtauung dauert zu lange. Laub und Eis vom Verdampfer entfernen, niemals mit Gewalt oder heißem Wasser.

7 Wartung
Der Luftfilter des Lüfters wird zweimal im Jahr gereinigt, der Schmutzfänger vor jeder Heizperiode. Die Dichtheit des Kältekreises prüft eine zertifizierte Fachkraft alle 24 Monate. Die Opferanode des Speichers ist nach fünf Jahren zu ersetzen, Bestellnummer OA-5520. Ersatzfilter haben die Bestellnummer LF-0917.

8 Garantie und Kundendienst
Kalthoff gewährt fünf Jahre Garantie auf den Verdichter und zwei Jahre auf alle übrigen Teile. Die Frist beginnt mit dem Tag der Inbetriebnahme, wenn das Protokoll binnen 30 Tagen eingesandt wurde. Den Kundendienst erreichen Sie werktags von 7 bis 18 Uhr unter 0800 555 0194. Außerhalb dieser Zeit nimmt der Bereitschaftsdienst in Osnabrück Notfälle an; seine Anfahrt kostet pauschal 89 Euro.

9 Entsorgung
Altgeräte nimmt jeder Händler kostenlos zurück. Vorher ist das Kältemittel von einem Fachbetrieb abzusaugen. Die Verpackung besteht aus Karton und Holz und gehört in die Wertstoffsammlung.
`

export const HEAT_PUMP_K12 = `# Kalthoff Wärmepumpe K12 – Bedienungsanleitung für Betreiber

## 1 Sicherheit
Die Wärmepumpe K12 darf nur von einer Fachkraft angeschlossen werden. Vor jeder Arbeit am Gerät ist der Hauptschalter auszuschalten und gegen Wiedereinschalten zu sichern. Das Kältemittel R32 ist schwer entflammbar; um das Außengerät ist ein Meter freizuhalten. Kinder dürfen das Gerät nicht ohne Aufsicht bedienen.

## 2 Aufstellung
Das Außengerät hängt an einer Wandkonsole oder steht auf Streifenfundamenten, mindestens 30 cm über dem erwarteten Schnee. Der Abstand zum Nachbargrundstück beträgt mindestens 5 Meter. Gewicht des Außengerätes: 187 kg. Für den Transport sind vier Personen oder ein Hubwagen nötig.

## 3 Technische Daten
Heizleistung bei A2/W35: 11,8 kW. Leistungszahl (COP) bei A2/W35: 4,4. Maximale Vorlauftemperatur: 60 °C. Füllmenge des Kältemittels: 2,10 kg. Elektrischer Anschluss: 400 V, Absicherung 20 A, träge. Schallleistung am Tag: 56 dB(A), im Nachtbetrieb 50 dB(A). Volumen des Pufferspeichers: 200 Liter.

## 4 Bedienung
Das Gerät wird am Bildschirm mit Berührung oder mit der App bedient. Das Menü für Fachkräfte verlangt den Code 2846. Der Urlaubsbetrieb senkt die Raumtemperatur auf 12 °C. Der Nachtbetrieb beginnt um 21 Uhr und endet um 5 Uhr. Fällt das Funknetz aus, arbeitet die Regelung mit den letzten Werten weiter.

## 5 Warmwasser
Die Solltemperatur des Warmwassers ist ab Werk 50 °C. Der Schutz vor Legionellen läuft in der Nacht zum Mittwoch und erhitzt den Speicher auf 65 °C. Danach ist die Zirkulation für zwei Stunden abgeschaltet.

## 6 Störungen
E04: Der Volumenstrom im Heizkreis ist zu gering. Anlagendruck prüfen; er soll zwischen 1,5 und 2,2 bar liegen.
E11: Fühler der Außentemperatur ist unterbrochen. Stecker X3 auf der Regelplatine prüfen.
E17: Der Verdichter läuft nicht an. Gerät zwanzig Minuten spannungsfrei machen.
E31: Die Verbindung zur App ist verloren. Router neu starten und Gerät mit der Taste auf der Rückseite neu anmelden.

## 7 Wartung
Der Luftfilter wird viermal im Jahr gereinigt. Die Dichtheit des Kältekreises prüft eine zertifizierte Fachkraft alle 12 Monate. Ersatzfilter haben die Bestellnummer LF-1244. Eine Opferanode gibt es nicht, der Speicher ist aus Edelstahl.

## 8 Garantie und Kundendienst
Kalthoff gewährt sieben Jahre Garantie auf den Verdichter und drei Jahre auf alle übrigen Teile. Den Kundendienst erreichen Sie täglich von 8 bis 20 Uhr unter 0800 555 0233. Die Anfahrt des Bereitschaftsdienstes in Kassel kostet pauschal 120 Euro.
`
