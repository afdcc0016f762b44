export interface Sheet {
  name: string
  rows: (string | number)[][]
}

/** Of this year, as a workbook; the list of the year before is a CSV with other prices for the same articles. */
export const PRICE_LIST_2026: Sheet[] = [
  {
    name: 'Seeds',
    rows: [
      ['Article', 'Name', 'Pack', 'Price EUR', 'Sowing'],
      ['SD-1001', 'Tomato Black Prince', '20 seeds', 3.4, 'February to April'],
      ['SD-1002', 'Tomato Golden Pearl', '15 seeds', 3.9, 'February to April'],
      ['SD-1010', 'Cucumber Marketer', '12 seeds', 2.8, 'April to May'],
      ['SD-1024', 'Beetroot Chioggia', '150 seeds', 2.2, 'April to July'],
      ['SD-1031', 'Sunflower Velvet Queen', '40 seeds', 2.6, 'April to June'],
      ['SD-1044', 'Basil Genovese', '300 seeds', 1.9, 'March to June'],
      ['SD-1052', 'Pumpkin Hokkaido', '8 seeds', 3.1, 'April to May'],
      ['SD-1067', 'Lettuce Forellenschluss', '250 seeds', 2.1, 'March to August'],
    ],
  },
  {
    name: 'Tools',
    rows: [
      ['Article', 'Name', 'Weight kg', 'Price EUR', 'Guarantee'],
      ['TL-2001', 'Border spade, ash handle', 1.7, 48.5, '10 years'],
      ['TL-2002', 'Digging fork, four tines', 2.1, 52.0, '10 years'],
      ['TL-2015', 'Pruning shears Falke 6', 0.24, 39.9, '25 years'],
      ['TL-2016', 'Pruning shears Falke 9 for left-handers', 0.26, 46.8, '25 years'],
      ['TL-2030', 'Wheelbarrow, 90 litres', 13.5, 119.0, '2 years'],
      ['TL-2041', 'Watering can, zinc, 9 litres', 1.9, 44.0, '5 years'],
      ['TL-2058', 'Dibber with steel tip', 0.4, 17.25, '5 years'],
    ],
  },
  {
    name: 'Delivery',
    rows: [
      ['Zone', 'Countries', 'Price EUR', 'Days'],
      ['1', 'Austria, Germany', 5.9, '2 to 3'],
      ['2', 'Czechia, Italy, Slovenia, Switzerland', 11.5, '3 to 5'],
      ['3', 'Denmark, France, Poland, Spain', 14.9, '4 to 6'],
      ['4', 'Finland, Ireland, Norway, Portugal', 19.8, '6 to 9'],
    ],
  },
]

export const PRICE_LIST_2025 = `Article;Name;Pack;Price EUR 2025;Stock on 31 December 2025
SD-1001;Tomato Black Prince;20 seeds;3.10;412
SD-1002;Tomato Golden Pearl;15 seeds;3.60;96
SD-1010;Cucumber Marketer;12 seeds;2.50;230
SD-1024;Beetroot Chioggia;150 seeds;2.00;158
SD-1031;Sunflower Velvet Queen;40 seeds;2.30;77
SD-1044;Basil Genovese;300 seeds;1.70;644
SD-1059;Melon Petit Gris;10 seeds;3.80;0
TL-2001;Border spade, ash handle;;44.90;31
TL-2002;Digging fork, four tines;;49.00;18
TL-2015;Pruning shears Falke 6;;36.50;120
TL-2030;Wheelbarrow, 90 litres;;109.00;9
TL-2041;Watering can, zinc, 9 litres;;41.00;54
TL-2077;Bulb planter, long handle;;33.40;3
`

const SITES = ['Almhof', 'Brennsee', 'Chiemried', 'Dornach', 'Eschental', 'Finkenau', 'Gravenstein', 'Hohenegg']

/** Weather stations, each with the same fields. */
export const SENSORS = JSON.stringify(
  {
    network: 'alpine-weather',
    contact: 'stations@alpine-weather.example',
    stations: SITES.map((site, i) => ({
      site,
      serial: `WX-${4107 + i * 389}`,
      altitude_m: 540 + ((i * 733) % 1900),
      installed: `20${12 + i}-0${1 + (i % 9)}-1${i}`,
      firmware: `3.${i}.${(i * 7) % 5}`,
      anemometer: { model: i % 2 ? 'Boreas-2' : 'Zephyr-X', mast_height_m: 6 + i, heated: i % 3 === 0 },
      battery: { chemistry: i % 2 ? 'LiFePO4' : 'lead-gel', capacity_ah: 40 + i * 15 },
      calibration: { due: `2027-${String(i + 1).padStart(2, '0')}-28`, technician: ['Roswitha Klee', 'Vinzenz Huber'][i % 2] },
      alarm: { wind_kmh: 90 + i * 5, frost_c: -10 - i, notify: `ranger-${site.toLowerCase()}` },
    })),
  },
  null,
  2,
)

const SERVICES = ['gateway', 'ledger', 'mailer', 'search', 'thumbs']
const line = (i: number): string => {
  const seconds = 6 * 3600 + i * 37
  const time = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((n) => String(Math.floor(n)).padStart(2, '0')).join(':')
  return `2026-10-05T${time}Z INFO ${SERVICES[i % 5]} request served status=200 ms=${12 + ((i * 31) % 90)} trace=${((i * 2654435761) >>> 0).toString(16)}`
}

const EVENTS: Record<number, string> = {
  23: '2026-10-05T06:14:11Z ERROR ledger deadlock detected between transfers tx-88121 and tx-88124, second one rolled back',
  61: '2026-10-05T06:37:37Z WARN mailer mailbox full for billing@harbour.example, message m-5523 postponed',
  88: '2026-10-05T06:54:16Z ERROR thumbs cannot decode picture asset-90817.heic: unsupported colour profile',
  117: '2026-10-05T07:12:09Z ERROR search shard 4 lost quorum, node opal-3 unreachable',
  139: '2026-10-05T07:25:43Z WARN gateway client 203.0.113.88 banned after 40 bad signatures',
  171: '2026-10-05T07:45:27Z ERROR ledger disk nearly full on volume vol-ledger-2: 97 percent',
}

export const SERVER_LOG = Array.from({ length: 200 }, (_, i) => EVENTS[i] ?? line(i)).join('\n')
