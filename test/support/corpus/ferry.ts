interface Ship {
  name: string
  captain: string
  built: number
  engine: string
  lifeboats: number
  boatSeats: number
  fuelTons: number
  muster: string
  channel: number
  cars: number
  berths: number
  pier: string
  galleyChief: string
  doctor: string
  ballast: number
  windLimit: number
}

const ROWS = `Tern|Maeve Corrigan|2004|two Wärtsund 8L32 diesels|6|72|145|the aft saloon on deck 5|8|210|96|Lochmarra 2|Desmond Pike|Dr Anand Rao|820|24
Puffin|Rhys Gwynfor|1998|four Halberg M20 diesels|4|60|98|the forward lounge on deck 4|11|140|44|Skerryvale 1|Nadia Costa|none; the purser is trained in first aid|610|21
Gannet|Ailsa Buchan|2015|two Wärtsund 9L34 dual-fuel engines|8|80|230|the cafeteria on deck 6|13|320|180|Lochmarra 4|Bruno Falk|Dr Helen Osei|1340|27
Kittiwake|Tomas Eriksen|2009|three Norrvik D16 diesels|6|66|130|the promenade on deck 5|9|190|72|Port Averill|Yusuf Demir|Dr Carla Minetti|790|23
Razorbill|Fiona Drummond|1991|two Halberg M25 diesels|4|54|84|the car deck stairs on deck 3|12|110|36|Skerryvale 3|Grete Olsen|none; the mate is trained in first aid|540|19
Fulmar|Ewan Tulloch|2019|battery drive of 4,300 kWh with one Norrvik D13 in reserve|6|70|40|the observation lounge on deck 7|14|240|0|Port Averill|Samir Haddad|Dr Joan Petrie|905|22
Cormorant|Sinead Rafferty|2001|four Halberg M22 diesels|8|76|188|the theatre on deck 6|16|275|150|Lochmarra 1|Piotr Zielak|Dr Mei Lin Cho|1120|26
Shearwater|Jonas Halvorsen|2012|two Norrvik D20 diesels with scrubbers|6|74|160|the bistro on deck 5|17|225|88|Stornmouth|Lucia Branca|Dr Omar Farouk|860|25
Guillemot|Kirsty Abernethy|1995|two Halberg M24 diesels|4|58|92|the snack bar on deck 4|10|125|40|Stornmouth|Henk de Wit|none; the purser is trained in first aid|575|20
Osprey|Callum Strachan|2022|hydrogen fuel cells of 6 MW|8|84|12|the atrium on deck 7|18|340|200|Lochmarra 3|Ines Duarte|Dr Peter Nkemelu|1410|28`

const SHIPS: Ship[] = ROWS.split('\n').map((row) => {
  const [name = '', captain = '', built, engine = '', lifeboats, boatSeats, fuelTons, muster = '', channel, cars, berths, ...rest] =
    row.split('|')
  const [pier = '', galleyChief = '', doctor = '', ballast, windLimit] = rest
  const numbers = { built, lifeboats, boatSeats, fuelTons, channel, cars, berths, ballast, windLimit }
  const read = Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, Number(value)]))
  return { name, captain, engine, muster, pier, galleyChief, doctor, ...read } as unknown as Ship
})

/** One page for each ship and subject: a hundred pages that differ in names and numbers only. */
const SUBJECTS: [string, (ship: Ship) => string][] = [
  [
    'General description',
    (s) =>
      `MV ${s.name} was built in ${s.built} and sails from pier ${s.pier}. Her master is Captain ${s.captain}. The master alone decides whether a sailing takes place; the office may advise but not order. The ship's papers are kept in the safe behind the bridge and are shown to inspectors on request.`,
  ],
  [
    'Engines',
    (s) =>
      `MV ${s.name} is driven by ${s.engine}. The engine room is manned during arrival and departure. Oil samples are taken on the first Monday of the month and sent to the laboratory in Stornmouth. An engine that was stopped by its own protection may be started again only by the chief engineer.`,
  ],
  [
    'Lifeboats and rafts',
    (s) =>
      `MV ${s.name} carries ${s.lifeboats} lifeboats with ${s.boatSeats} seats each. Boats are swung out weekly and lowered to the water every three months. Hooks, falls and batteries are inspected by the bosun, who signs the yellow book. Rafts are exchanged ashore once a year.`,
  ],
  [
    'Fuel',
    (s) =>
      `The tanks of MV ${s.name} hold ${s.fuelTons} tons. Bunkering is allowed in daylight only, with the red flag hoisted and all doors to the car deck closed. Two persons stand at the manifold. A spill of any size is reported to the harbour master at once.`,
  ],
  [
    'Muster of passengers',
    (s) =>
      `Passengers of MV ${s.name} gather in ${s.muster} when seven short blasts and a long one are sounded. The crew counts heads twice and reports to the bridge. Persons who need help are listed at check-in and are fetched from their seats.`,
  ],
  [
    'Radio',
    (s) =>
      `MV ${s.name} uses VHF channel ${s.channel} for berthing and listens on channel 16 at all times. The radio log is written by the second mate. A portable set lies charged in each lifeboat and is tried on Sundays.`,
  ],
  [
    'Car deck',
    (s) =>
      `The car deck of MV ${s.name} takes ${s.cars} cars. Lorries stand in the middle lanes, motorcycles at the bulkhead with four straps. Nobody stays on the car deck during the crossing. Electric cars are parked in the marked bays and watched by a thermal camera.`,
  ],
  [
    'Cabins and galley',
    (s) =>
      `MV ${s.name} has ${s.berths} berths for passengers. The galley is led by ${s.galleyChief}. Hot meals are served until two hours before arrival. Frying stops when the ship rolls more than eight degrees. Allergies are written on the order in capital letters.`,
  ],
  [
    'Medical care',
    (s) =>
      `Doctor on board of MV ${s.name}: ${s.doctor}. The defibrillator hangs beside the information desk. Medicines are counted at every change of crew. A helicopter is asked for by the master through the coast guard; the landing area is kept free of chairs.`,
  ],
  [
    'Stability and weather',
    (s) =>
      `MV ${s.name} carries up to ${s.ballast} tons of ballast water. She does not sail when the mean wind at the harbour entrance is above ${s.windLimit} metres a second. Doors and ports are reported closed before the lines are let go. The trim is calculated before each departure and kept for two years.`,
  ],
]

/** The pages of the manual; what is the same on each page makes them hard to tell apart. */
export const FERRY_MANUAL: string[] = SHIPS.flatMap((ship, s) =>
  SUBJECTS.map(
    ([subject, text], i) =>
      `Northline Ferries – Operations manual, page ${s * SUBJECTS.length + i + 1}\n\nMV ${ship.name}: ${subject}\n\n${text(ship)}\n\nThis page replaces all earlier versions. Changes are proposed on form OM-3 and approved by the marine superintendent in Lochmarra.`,
  ),
)
