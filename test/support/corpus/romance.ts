export const HOME_INSURANCE = `<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><title>Conditions générales – Assurance habitation Horizon</title>
<style>body{font:16px serif}</style><script>var tracking = 'aucune garantie ici'</script></head><body>
<h1>Assurance habitation Horizon – Conditions générales</h1>
<h2>Article 1 – Objet du contrat</h2>
<p>Le présent contrat garantit l'habitation désignée aux conditions particulières, ses dépendances et les biens mobiliers qui s'y trouvent contre les événements définis ci-après. Les locaux inoccupés plus de quatre-vingt-dix jours par an ne sont couverts contre le vol qu'en présence d'une alarme reliée à un centre de télésurveillance.</p>
<h2>Article 2 – Dégâts des eaux</h2>
<p>Sont couverts les dommages causés par les fuites, ruptures et débordements de canalisations, d'appareils ménagers et de chéneaux. La recherche de fuite est remboursée jusqu'à 1 800 euros. Ne sont pas couverts les dommages dus à l'humidité, à la condensation ou au défaut d'entretien. Pendant les périodes de gel, l'assuré vide les installations d'une résidence non chauffée. La franchise est de 150 euros par sinistre.</p>
<h2>Article 3 – Vol et vandalisme</h2>
<p>Le vol commis par effraction, par escalade ou avec violence est garanti jusqu'à 25 000 euros. Les bijoux et objets précieux sont limités à 20 pour cent de ce montant et les espèces à 500 euros. Les vélos ne sont couverts que dans un local fermé à clé. La déclaration de vol doit parvenir à l'assureur dans un délai de deux jours ouvrés, accompagnée du récépissé de plainte.</p>
<h2>Article 4 – Incendie et événements climatiques</h2>
<p>L'incendie, la foudre, l'explosion et les fumées sont garantis sans limite autre que la valeur de reconstruction. Les dommages électriques aux appareils de plus de dix ans subissent une vétusté de 8 pour cent par an. La tempête est couverte à partir d'un vent de 100 kilomètres à l'heure mesuré à la station la plus proche. La grêle sur les panneaux solaires est soumise à une franchise de 400 euros.</p>
<h2>Article 5 – Responsabilité civile</h2>
<p>La responsabilité civile du foyer est couverte à hauteur de 6 millions d'euros pour les dommages corporels et de 1,2 million d'euros pour les dommages matériels. Les animaux domestiques sont inclus, à l'exception des chevaux et des chiens de première catégorie. Les dommages causés lors d'une activité professionnelle exercée à domicile sont exclus.</p>
<h2>Article 6 – Déclaration et règlement des sinistres</h2>
<p>Tout sinistre autre que le vol est déclaré dans les cinq jours ouvrés, par téléphone, par courrier ou dans l'espace client. L'expert est nommé dans les dix jours. L'indemnité est versée dans les trente jours suivant l'accord des parties. En cas de désaccord, chaque partie nomme un expert et supporte ses frais.</p>
<h2>Article 7 – Résiliation</h2>
<p>Après la première année, l'assuré peut résilier à tout moment ; la résiliation prend effet un mois après la réception de la demande. L'assureur peut résilier après sinistre avec un préavis de deux mois. La cotisation perçue d'avance est remboursée au prorata. Les réclamations sont adressées au médiateur Mme Éloïse Vautrin, 14 rue des Tanneurs, Angers.</p>
<table><tr><th>Formule</th><th>Cotisation annuelle</th><th>Assistance</th></tr>
<tr><td>Essentielle</td><td>186 euros</td><td>non comprise</td></tr>
<tr><td>Confort</td><td>254 euros</td><td>24 heures sur 24</td></tr>
<tr><td>Intégrale</td><td>371 euros</td><td>24 heures sur 24 et relogement quinze nuits</td></tr></table>
</body></html>
`

export const RENTAL_CONTRACT = `Contrato de arrendamiento de vivienda – Edificio Los Almendros, puerta 4B

Reunidos en Valencia, el día 3 de febrero de 2026, de una parte doña Remedios Quintana Soler, como arrendadora, y de otra don Iker Belloso Aranda, como arrendatario, acuerdan las siguientes cláusulas.

Primera. Objeto. La arrendadora cede el uso de la vivienda de 78 metros cuadrados, con trastero número 12 y sin plaza de garaje. La vivienda se entrega amueblada según el inventario del anexo I y con dos juegos de llaves. El arrendatario declara que recibe las instalaciones en buen estado de funcionamiento.

Segunda. Duración. El contrato se pacta por un año a partir del 1 de marzo de 2026 y se prorroga por plazos anuales hasta cinco años. El arrendatario puede desistir una vez pasados seis meses, con un preaviso de treinta días; en ese caso indemniza a la arrendadora con media mensualidad por cada año que quede por cumplir.

Tercera. Renta. La renta es de 845 euros al mes, pagaderos en los siete primeros días por transferencia. La renta se actualiza cada año según el índice de referencia, con un máximo del 2,5 por ciento. El retraso en el pago devenga un interés del 4 por ciento anual.

Cuarta. Fianza. El arrendatario entrega una fianza de una mensualidad y una garantía adicional de 1.200 euros, que se devuelven en el plazo de un mes desde la entrega de las llaves, descontados los desperfectos que no sean de uso ordinario.

Quinta. Gastos. El agua, la electricidad y la conexión a internet son por cuenta del arrendatario. La comunidad de propietarios y el impuesto sobre bienes inmuebles los paga la arrendadora. La tasa de basuras se reparte a partes iguales.

Sexta. Conservación. Las reparaciones de hasta 120 euros que exija el desgaste por el uso son de cargo del arrendatario. La caldera la revisa cada dos años la empresa Termoclima Turia. El arrendatario no puede hacer obras sin permiso escrito; pintar las paredes en colores claros está permitido.

Séptima. Uso. Se prohíbe subarrendar la vivienda y alquilarla por días a turistas. Se admite un animal de compañía de menos de diez kilos. El descanso de los vecinos se respeta entre las once de la noche y las ocho de la mañana. En la terraza no se pueden usar barbacoas de carbón.

Octava. Entrega. Al terminar el contrato la vivienda se devuelve limpia. La limpieza profesional, si hace falta, se cobra a 18 euros la hora. El incumplimiento de estas cláusulas se somete a los juzgados de Valencia.
`

export const SCHOLARSHIP_CALL = `Edital 07/2026 – Bolsas de estudo da Fundação Mar Aberto

1. Objetivo. A fundação concede 35 bolsas a estudantes de oceanografia, biologia marinha e engenharia naval. Doze bolsas são reservadas a candidatos das ilhas.

2. Valor e duração. A bolsa de mestrado paga 1.150 euros por mês durante vinte e quatro meses. A bolsa de doutoramento paga 1.480 euros por mês durante quarenta e oito meses. Há ainda um subsídio único de 900 euros para equipamento de mergulho.

3. Requisitos. O candidato tem média igual ou superior a 14 valores, fala inglês no nível B2 e não tem outra bolsa. A idade máxima é de 32 anos na data da inscrição; por cada filho o limite sobe dois anos.

4. Inscrição. As inscrições decorrem de 4 de maio a 19 de junho de 2026, apenas pela internet. O processo inclui currículo, carta de motivação com no máximo 600 palavras, plano de trabalho e duas cartas de recomendação. Inscrições incompletas são eliminadas sem aviso.

5. Seleção. O júri é presidido pela professora Benedita Falcão. A avaliação do plano de trabalho vale 50 por cento da nota, o currículo 30 por cento e a entrevista 20 por cento. As entrevistas realizam-se em Peniche na segunda semana de julho. A lista final é publicada em 31 de julho.

6. Deveres do bolseiro. O bolseiro entrega um relatório a cada seis meses e passa pelo menos trinta dias por ano embarcado no navio Ondina. As publicações mencionam a fundação. Quem desiste sem justificação devolve os três últimos pagamentos.

7. Recursos. Os recursos são apresentados no prazo de cinco dias úteis depois da publicação da lista, por correio eletrónico para recursos@maraberto.example.
`

export const RECIPES = `# Quaderno di cucina della trattoria Da Ombretta

## Risotto al limone e salvia
Per quattro persone: 320 g di riso Carnaroli, un limone non trattato, 60 g di burro, otto foglie di salvia, 1 litro di brodo vegetale. Tostare il riso a secco per due minuti, bagnare con il brodo poco alla volta, cuocere diciassette minuti. Mantecare lontano dal fuoco con burro freddo e scorza di limone. Non aggiungere panna.

## Gnocchi di castagne
Impastare 600 g di patate lesse con 180 g di farina di castagne, 100 g di farina bianca e un uovo. Riposare venti minuti sotto un panno. Cuocere in acqua salata finché salgono a galla e condire con burro nocciola e ricotta affumicata. Gli gnocchi crudi si conservano in congelatore per tre settimane.

## Baccalà mantecato
Ammollare lo stoccafisso per quarantotto ore cambiando l'acqua ogni otto ore. Cuocere venticinque minuti nel latte con una foglia di alloro. Sbattere con 250 ml di olio versato a filo fino a ottenere una crema. Servire su polenta bianca grigliata.

## Coniglio alle olive
Rosolare il coniglio a pezzi, sfumare con un bicchiere di vermouth secco, aggiungere 150 g di olive taggiasche e due rametti di timo. Coprire e cuocere un'ora e dieci a fuoco dolce. Il fegato si aggiunge solo negli ultimi cinque minuti.

## Panna cotta al rosmarino
Scaldare 500 ml di panna con 80 g di zucchero e due rametti di rosmarino senza far bollire. Sciogliere 6 g di gelatina in fogli, filtrare e versare negli stampi. Raffreddare almeno cinque ore. Servire con miele di castagno.

## Torta di nocciole
Montare quattro uova con 170 g di zucchero, unire 250 g di nocciole tritate e un cucchiaino di lievito. Infornare a 170 gradi per trentacinque minuti. La torta non contiene farina ed è adatta ai celiaci.

## Appunti di servizio
La trattoria chiude il mercoledì. Il pane viene dal forno Bertoldi, che consegna alle sei e un quarto. Gli avanzi di brodo si buttano dopo due giorni. Le allergie si segnano in rosso sulla comanda. Il coperto costa 2,50 euro e non si fa pagare ai bambini sotto i sei anni.
`
