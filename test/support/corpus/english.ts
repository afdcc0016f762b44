export const INCIDENT_REPORT = [
  `Incident report IR-2291: checkout outage of 14 August 2026

Summary. Between 09:42 and 11:07 UTC customers of the Pelican shop could not pay. 6,318 orders were lost, with an estimated value of 412,000 euros. No personal data was exposed. The incident commander was Oluwaseun Adeyemi; the scribe was Petra Lindqvist.

Impact. Payments by card failed completely. Payments by invoice were accepted but not confirmed for up to fifty minutes. The mobile app showed an empty basket to about a third of its users.`,
  `Timeline. 09:38 a routine change of the certificate for the payment gateway is rolled out. 09:42 first alarms from the synthetic buyer in Frankfurt. 09:55 the on-call engineer suspects the new release 4.18.2 and rolls it back, without effect. 10:20 the database team finds the connection pool exhausted: 900 of 900 connections wait for the gateway. 10:48 the expired intermediate certificate is found. 11:02 the bundle is replaced. 11:07 error rate back below 0.1 percent.

Root cause. The new certificate bundle missed the intermediate certificate of the issuer. Clients without a cached copy refused the handshake. The retry policy repeated each call nine times without delay, which filled the connection pool and took down pages that have nothing to do with payment.`,
  `What went well. The status page was updated within four minutes. The runbook for pool exhaustion was correct. Customer care prepared a voucher of 10 euros, which 2,905 customers used.

What went badly. The staging environment trusts any certificate, so the test could not fail. The pager of the payments team had an outdated number. Two people rolled back at the same time.

Actions. PAY-771: check certificate chains in the deployment pipeline, owner Petra Lindqvist, due 30 September. PAY-772: retries with exponential backoff and at most three attempts, owner Marek Dvorak, due 15 September. OPS-118: separate connection pools for payment and catalogue, owner Aiko Tanabe, due 31 October. OPS-119: test the pager weekly.`,
]

/** Slides: a title and what stands under it. */
export const QUARTERLY_REVIEW = [
  {
    title: 'Quarterly review Q3 2026: Brightwater Bicycles',
    lines: ['Prepared by Ingrid Solheim for the board', 'Confidential until 2 November'],
  },
  {
    title: 'Revenue',
    lines: [
      'Revenue of 18.4 million kroner, up 11 percent on the year',
      "E-bikes are 46 percent of sales, children's bikes 9 percent",
      'Average order value 7,260 kroner',
    ],
  },
  {
    title: 'Costs and margin',
    lines: [
      'Gross margin fell to 31.5 percent because of freight',
      'Battery cells cost 14 percent more than planned',
      'Marketing stayed 300,000 kroner under budget',
    ],
  },
  {
    title: 'Shops',
    lines: [
      'New shop in Trondheim opened on 12 August',
      'The Bergen workshop moves to Laksevåg in January',
      'Waiting time for repairs: 6 days, target 3 days',
    ],
  },
  { title: 'People', lines: ['84 employees, 7 of them apprentices', 'Sick leave 4.2 percent', 'New head of purchasing: Tobias Nygaard'] },
  {
    title: 'Risks',
    lines: [
      'One supplier makes all our drive units: second source to be chosen by March',
      'Recall of the fork FX-2 affects 1,130 bikes',
      'Theft insurance ends on 31 December',
    ],
  },
  {
    title: 'Outlook',
    lines: [
      'Forecast for Q4: 21 million kroner',
      'Launch of the cargo bike Pram in February',
      'Subscription for repairs at 149 kroner a month',
    ],
  },
]

export const RATE_LIMITER = `"""Token bucket rate limiter used by the Heron gateway.

Every customer has one bucket. A request takes one token, an upload takes one token for each started megabyte.
"""
import time
from dataclasses import dataclass, field

DEFAULT_CAPACITY = 240
REFILL_PER_SECOND = 4.0
PENALTY_SECONDS = 90  # after three refusals in a row
UPLOAD_TOKEN_BYTES = 1_000_000


class BucketExhausted(Exception):
    """Raised when no token is left; carries the seconds to wait."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"retry after {retry_after:.1f}s")
        self.retry_after = retry_after


@dataclass
class TokenBucket:
    capacity: int = DEFAULT_CAPACITY
    tokens: float = float(DEFAULT_CAPACITY)
    refusals: int = 0
    updated: float = field(default_factory=time.monotonic)

    def refill(self, now: float) -> None:
        """Adds what has accrued since the last call, never above the capacity."""
        elapsed = max(0.0, now - self.updated)
        self.tokens = min(self.capacity, self.tokens + elapsed * REFILL_PER_SECOND)
        self.updated = now

    def take(self, cost: int = 1) -> None:
        """Takes tokens or raises BucketExhausted. A customer in penalty waits the whole penalty."""
        self.refill(time.monotonic())
        if self.tokens >= cost:
            self.tokens -= cost
            self.refusals = 0
            return
        self.refusals += 1
        if self.refusals >= 3:
            raise BucketExhausted(PENALTY_SECONDS)
        raise BucketExhausted((cost - self.tokens) / REFILL_PER_SECOND)


def cost_of_upload(size: int) -> int:
    """Number of tokens for an upload of this many bytes, at least one."""
    return max(1, -(-size // UPLOAD_TOKEN_BYTES))


def evict_idle_buckets(buckets: dict[str, TokenBucket], idle_seconds: float = 3600.0) -> int:
    """Forgets buckets that nobody used for an hour; returns how many. Called by the janitor thread every ten minutes."""
    limit = time.monotonic() - idle_seconds
    idle = [name for name, bucket in buckets.items() if bucket.updated < limit]
    for name in idle:
        del buckets[name]
    return len(idle)


def is_trusted_network(address: str) -> bool:
    """Requests from the office and from the monitoring probes are never limited."""
    return address.startswith("10.44.") or address in {"192.0.2.17", "192.0.2.18"}
`
