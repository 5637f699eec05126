#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), snapback::lambda::Error> {
    snapback::lambda::run(&organizations::FUNCTION).await
}
