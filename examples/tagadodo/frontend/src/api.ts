export type User = {
  id: string;
  email: string;
  name: string;
  status: 'active' | 'suspended';
  createdAt: string;
};
export type NewUser = { email: string; name: string; password: string };
type Tokens = { accessToken: string; refreshToken: string };

/** What the API says is wrong, fit to be shown. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const REFRESH_TOKEN = 'refreshToken';

/** The API of Taga Dodo. The refresh token outlives a reload of the page, not the tab. */
export class Api {
  private accessToken = '';
  private renewal: Promise<boolean> | undefined;

  constructor(
    readonly url: string,
    private readonly storage: Storage = sessionStorage,
  ) {}

  get loggedIn(): boolean {
    return this.storage.getItem(REFRESH_TOKEN) !== null;
  }

  async login(email: string, password: string): Promise<void> {
    this.keep(await this.send<Tokens>('POST', '/auth/login', { email, password }));
  }

  logout(): void {
    this.accessToken = '';
    this.storage.removeItem(REFRESH_TOKEN);
  }

  async version(): Promise<string> {
    return (await this.send<{ version: string }>('GET', '/version')).version;
  }

  async users(): Promise<User[]> {
    return (await this.authorized<{ users: User[] }>('GET', '/users')).users;
  }

  addUser(user: NewUser): Promise<User> {
    return this.authorized('POST', '/users', user);
  }

  /** Sends; when the access token has run out, renews it and sends once more. */
  private async authorized<T>(method: string, path: string, body?: object): Promise<T> {
    if (!this.accessToken) await this.renew();
    try {
      return await this.send<T>(method, path, body);
    } catch (error) {
      const expired = error instanceof ApiError && error.status === 401;
      if (!expired || !(await this.renew())) throw error;
      return this.send<T>(method, path, body);
    }
  }

  /** A refresh token works once, so that callers at the same time share one renewal. */
  private renew(): Promise<boolean> {
    this.renewal ??= this.exchange().finally(() => {
      this.renewal = undefined;
    });
    return this.renewal;
  }

  private async exchange(): Promise<boolean> {
    const refreshToken = this.storage.getItem(REFRESH_TOKEN);
    if (!refreshToken) return false;
    try {
      this.keep(await this.send<Tokens>('POST', '/auth/refresh', { refreshToken }));
      return true;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      this.logout();
      return false;
    }
  }

  private keep({ accessToken, refreshToken }: Tokens): void {
    this.accessToken = accessToken;
    this.storage.setItem(REFRESH_TOKEN, refreshToken);
  }

  private async send<T>(method: string, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = {};
    if (this.accessToken) headers.Authorization = `Bearer ${this.accessToken}`;
    if (body) headers['Content-Type'] = 'application/json';
    let response: Response;
    try {
      response = await fetch(this.url + path, { method, headers, body: JSON.stringify(body) });
    } catch {
      throw new ApiError(0, 'The API cannot be reached');
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer as T;
    const { message = `The API answered ${response.status}` } = answer as { message?: string };
    throw new ApiError(response.status, [message].flat().join(', '));
  }
}
