import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redisAddress, withoutSecrets } from "./address.ts";

describe("the address of a Redis", () => {
  it("has a host, and a port, a database, a user, a password and TLS where it says so", () => {
    expect(redisAddress("redis://here", {})).toEqual({
      ...{ host: "here", port: 6379, database: 0, tls: false, shown: "redis://here:6379" },
    });
    expect(redisAddress("rediss://me:a%40b@[::1]:7000/2", {})).toEqual({
      ...{ host: "::1", port: 7000, database: 2, tls: true, username: "me", password: "a@b" },
      shown: "rediss://[::1]:7000/2",
    });
  });

  it("comes from the environment where none is given, and so does a password that it lacks", () => {
    const environment = { LOWLAND_REDIS: "redis://there:1", LOWLAND_REDIS_PASSWORD: "hidden" };
    expect(redisAddress("", environment)).toMatchObject({ host: "there", password: "hidden" });
    expect(redisAddress("redis://:own@here", environment)).toMatchObject({ host: "here", password: "own" });
    expect(() => redisAddress(undefined, {})).toThrow(/no Redis is named; .*LOWLAND_REDIS/);
  });

  it("is never shown with its password, whatever is wrong with it", () => {
    const secret = fc.stringMatching(/^[!-~]{3,20}$/).map((text) => `§${text}`);
    const shape = fc.constantFrom(
      (word: string) => `redis://:${word}@host`,
      (word: string) => `rediss://user:${word}@host:99999999`,
      (word: string) => `redis://:${word}@host/no-number`,
      (word: string) => `redis://${word}@`,
    );
    fc.assert(
      fc.property(secret, shape, (word, write) => {
        const text = write(word);
        expect(withoutSecrets(`--cluster=${text} now`)).not.toContain(word);
        try {
          expect(redisAddress(text, {}).shown).not.toContain(word);
        } catch (error) {
          expect((error as Error).message).not.toContain(word);
        }
      }),
    );
  });

  it.each(["http://here", "here:6379", "redis://", "redis://here/x"])("is not %s", (text) => {
    expect(() => redisAddress(text, {})).toThrow(/is no address of a Redis; write redis:\/\/host:port/);
  });
});
