import { expect, test } from 'bun:test'
import { isPublic } from '../../../src/drivers/webhooks/addresses.ts'

const REFUSED: Record<string, string[]> = {
  'this machine': ['127.0.0.1', '127.8.9.1', '0.0.0.0', '0.1.2.3', '::1', '::', '::127.0.0.1', '::ffff:127.0.0.1'],
  'private networks': ['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fd12::1', 'fec0::1', '::ffff:10.0.0.1'],
  'the link': ['169.254.1.1', 'fe80::1', 'fe80::1%eth0'],
  'a cloud about the machine': [
    '169.254.169.254',
    'fd00:ec2::254',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    '::ffff:168.63.129.16',
  ],
  'a carrier': ['100.64.0.1', '100.127.255.255'],
  'many at once': ['224.0.0.1', '255.255.255.255', 'ff02::1'],
  nobody: ['192.0.2.1', '198.18.0.1', '240.0.0.1', '2001:db8::1', '', 'nonsense', 'localhost'],
  'IPv4 in other clothes': ['64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::', '2001::1'],
}

for (const [whom, addresses] of Object.entries(REFUSED))
  test(`addresses that mean ${whom} are not public`, () => {
    for (const address of addresses) expect([address, isPublic(address)]).toEqual([address, false])
  })

test('addresses of the internet are public', () => {
  for (const address of ['8.8.8.8', '93.184.216.34', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])
    expect([address, isPublic(address)]).toEqual([address, true])
})
