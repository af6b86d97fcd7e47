import { expect, it } from 'vitest';
import { fail } from '../errors.ts';
import { type CircuitState, createCircuitBreaker } from './circuit-breaker.ts';

it.each([
  ['succeeds', undefined],
  ['is refused', fail('channel_refused')],
  ['finds nothing', fail('not_found')],
])('says that it closed when the probe %s', async (_, answer) => {
  let at = 0;
  const said: CircuitState[] = [];
  const breaker = createCircuitBreaker({
    threshold: 2,
    openMs: 10,
    now: () => at,
    onChange: (state) => said.push(state),
  });
  const call = (error: Error | undefined) =>
    breaker.run(() => (error ? Promise.reject(error) : Promise.resolve()));
  await Promise.allSettled([call(fail('channel_unavailable')), call(fail('channel_unavailable'))]);
  at = 10;
  expect(breaker.state()).toBe('half_open');
  await call(answer).catch(() => undefined);
  expect([breaker.state(), said]).toEqual(['closed', ['open', 'closed']]);
});

it('stays closed for a backend that answers, however often a try has to go differently', async () => {
  const breaker = createCircuitBreaker({ threshold: 2, openMs: 10, now: () => 0 });
  for (let call = 0; call < 5; call++) {
    await expect(
      breaker.run(() => Promise.reject(fail('channel_unavailable', { answered: true }))),
    ).rejects.toThrow();
  }
  expect(breaker.state()).toBe('closed');
});
